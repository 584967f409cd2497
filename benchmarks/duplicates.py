"""How many of all near pairs are found, with how many comparisons? In which time and memory? Four ways are compared.

Usage: python benchmarks/duplicates.py DATA --cache CACHE [--sizes 10000,100000] [--output FILE.json]

Texts of the shared collections are embedded once, and kept in CACHE: an hour for 100,000 on one core. Each way of
finding the pairs then runs in a process of its own with the same vectors, so that its peak memory is its own: all pairs
(the truth), the search of bicross, find_duplicates with everything but the embedding, and paraphrase_mining of
sentence-transformers. Takes one minute for 10,000 texts and about ten for 100,000.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bicross.retrieval import DEFAULT_ENCODER
from parts.duplicates import METHODS, collect_texts, embed_texts
from parts.machine import set_threads
from parts.report_file import check_folders, header, write

HOW = (
    "Seconds are wall-clock time of one run, without imports and embedding. Peak memory is the highest resident memory "
    "of a process that does nothing else, its imports, the texts and the vectors included; what it had before it began "
    "stands beside it. Recall is the share of all pairs with such a cosine."
)


def run_alone(arguments: argparse.Namespace) -> None:
    """Run one way in this process; write the pairs, and print what it took."""
    set_threads(arguments.threads)
    texts = json.loads(arguments.texts.read_text(encoding="utf-8"))
    vectors = np.load(arguments.vectors, mmap_mode="r")
    if arguments.method == "paraphrase_mining":
        import sentence_transformers  # noqa: F401 - its imports are not what is measured

    before = _peak()
    outcome = METHODS[arguments.method](texts, vectors, arguments.threshold, arguments.top_k)
    np.save(arguments.pairs, outcome.keys)
    record = {"seconds": outcome.seconds, "compared": outcome.compared, "before": before, "peak": _peak()}
    sys.stdout.write(json.dumps(record) + "\n")


def _peak() -> int:
    """Return the highest resident memory of this process; what getrusage says may be that of its parent."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def measured(arguments: argparse.Namespace, size: int, scratch: Path) -> list[dict[str, Any]]:
    """Run all ways among ``size`` texts."""
    texts = collect_texts(arguments.data, size)
    embedded = embed_texts(texts, arguments.encoder, arguments.cache)
    (scratch / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    np.save(scratch / "vectors.npy", embedded)
    rows: list[dict[str, Any]] = []
    truth = np.empty(0, np.int64)
    for method in METHODS:
        options = {
            "--method": method,
            "--texts": scratch / "texts.json",
            "--vectors": scratch / "vectors.npy",
            "--pairs": scratch / "pairs.npy",
            "--threshold": arguments.threshold,
            "--top-k": arguments.top_k,
            "--threads": arguments.threads,
        }
        words = [str(word) for option in options.items() for word in option]
        command = [sys.executable, __file__, "alone", *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found_pairs = np.load(scratch / "pairs.npy")
        truth = found_pairs if method == "all pairs" else truth
        both = len(np.intersect1d(found_pairs, truth))
        rows.append(
            {
                "texts": size,
                "method": method,
                "pairs": len(truth),
                "found": len(found_pairs),
                "recall": both / max(1, len(truth)),
                "wrong": len(found_pairs) - both,
                **json.loads(done.stdout.splitlines()[-1]),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def numbers(text: str) -> list[int]:
    """Parse an argument such as 100,1000."""
    return [int(number) for number in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--cache", type=Path, required=True, help="where embeddings are kept")
    parser.add_argument("--sizes", type=numbers, default=[10_000, 100_000])
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=20)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    arguments.device = "cpu"
    set_threads(arguments.threads)
    rows: list[dict[str, Any]] = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            rows += measured(arguments, size, Path(scratch))
    write(arguments.output, {**header(arguments, how=HOW), "rows": rows})


def alone() -> None:
    parser = argparse.ArgumentParser()
    for name, kind in (("texts", Path), ("vectors", Path), ("pairs", Path), ("threshold", float), ("method", str)):
        parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("--top-k", type=int)
    parser.add_argument("--threads", type=int)
    run_alone(parser.parse_args(sys.argv[2:]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["alone"]:
        alone()
    else:
        main()
