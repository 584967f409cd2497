"""How long does an answer take? Compares the whole pipeline with the plain recipe, by stage, at three sizes.

Usage: python benchmarks/latency.py DATA VECTORS [--sizes 5000,100000] [--output benchmarks/results/latency.json]

DATA is the folder of the collections, VECTORS a folder that vectors.py made of them. The plain recipe is that of a
tutorial: SentenceTransformer.encode, faiss.IndexFlatIP.search, CrossEncoder.rank of 100 texts. Documents, queries,
models and threads are the same; every query goes to all pipelines in turn, in an order drawn for each. Warm queries
follow others in one process (p50, p95, p99); a cold query is the first of a fresh process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bicross.errors import BicrossError
from bicross.rerank import DEFAULT_RERANKER
from bicross.retrieval import DEFAULT_ENCODER
from parts.latency.compared import Answering, Bicross, Documents, Plain, Stages, build, reranker_tokenizer
from parts.machine import free_memory, set_threads
from parts.report_file import check_folders, header, write
from parts.rounds import in_turn, percentiles_ms, ratio, slices
from parts.tables.speed import PLAIN, STAGES, latency_table, latency_title
from vectors import about, benchmark_queries, benchmark_texts, load, rows_of

TEXT_BYTES = 2_500
"""Upper estimate of the memory for a document's text, with its share of the list of all texts."""
HOW = (
    "Total is the whole answer, measured by itself. Stages of bicross are measured on its public parts, in a second "
    "pass over the same queries: search contains fetching the documents, and encode and rerank contain tokenising the "
    "query; the token ids of passages are in the index. Fetching and tokenising are measured apart (Index.get of the "
    "same documents by id; the tokenizer on the query). The plain recipe holds all texts in a list. Ratios are medians "
    "over the queries. Cold: files are in the page cache, and imports belong to opening. Each document begins with the "
    "text of its vector and goes on with the texts after it, to a length drawn as in speed_texts.py."
)


def memory_needed(rows: int, dimension: int, pipelines: int) -> int:
    """Estimate the bytes for one size: each pipeline holds the vectors once, and so does a fresh process."""
    return rows * ((pipelines + 1) * 4 * dimension + TEXT_BYTES)


def warm(pipelines: dict[str, Answering], queries: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure percentiles of every stage of every pipeline, one query after another in this process."""
    given = slices(queries, rounds=arguments.rounds, each=arguments.queries)
    calls = {name: pipeline.answer for name, pipeline in pipelines.items()}
    answers = in_turn(calls, given, note="whole answers")
    tokenizer = reranker_tokenizer(arguments.reranker)
    parts = {n: partial(p.stages, tokenizer=tokenizer) for n, p in pipelines.items() if isinstance(p, Bicross)}
    staged = in_turn(parts, given, note="stages")
    figures: dict[str, Any] = {}
    for name in pipelines:
        stages: list[Stages] = staged.results.get(name, answers.results[name])
        by_stage = {stage: [taken[stage] for taken in stages] for stage in STAGES if stage in stages[0]}
        by_stage["total"] = answers.seconds[name]
        figures[name] = {
            "stages": {stage: percentiles_ms(seconds) for stage, seconds in by_stage.items()},
            "times_faster": ratio(answers.seconds[PLAIN], answers.seconds[name]),
            "seconds": by_stage["total"],
        }
    return figures


def cold(folder: Path, settings: dict[str, dict[str, Any]], queries: Sequence[str]) -> dict[str, Any]:
    """Measure medians over fresh processes, one for each query and pipeline, in turn."""
    figures: dict[str, Any] = {}
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def ask(name: str, query: str) -> dict[str, float]:
        kind = "plain" if name == PLAIN else "bicross"
        command = [sys.executable, "-m", "parts.latency.cold", str(folder), kind, json.dumps(settings[name]), query]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            sys.exit(f"{name} failed in a fresh process:\n{done.stderr}")
        return json.loads(done.stdout)

    calls = {name: partial(ask, name) for name in settings}
    taken = in_turn(calls, [[query] for query in queries], note="fresh processes", warm_up=False)
    for name, results in taken.results.items():
        rounds = {key: [result[key] for result in results] for key in results[0]}
        medians = {f"{key}_ms": float(np.median(seconds)) * 1e3 for key, seconds in rounds.items()}
        first = [result["first"] for result in taken.results[PLAIN]]
        figures[name] = {**medians, "times_faster": ratio(first, rounds["first"]), "rounds": rounds}
    return figures


def measure(rows: int, texts: Sequence[str], queries: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure everything at one size."""
    models = {"encoder": arguments.encoder, "reranker": arguments.reranker, "device": arguments.device}
    settings: dict[str, dict[str, Any]] = {PLAIN: dict(models)}
    settings |= {f"bicross {dtype}": models | {"dtype": dtype} for dtype in arguments.dtypes}
    documents = Documents(texts, rows)
    reasons: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bicross-latency-", dir=arguments.scratch) as scratch:
        folder = Path(scratch)
        print(f"{rows} documents: building", file=sys.stderr, flush=True)
        vectors = load(arguments.vectors, rows)
        layout = build(
            folder,
            documents,
            vectors,
            index_type=arguments.index_type,
            encoder=arguments.encoder,
            reranker=arguments.reranker,
        )
        del vectors
        pipelines: dict[str, Answering] = {}
        for name, given in settings.items():
            try:
                pipelines[name] = Plain(folder, **given) if name == PLAIN else Bicross(folder, **given)
            except BicrossError as error:
                reasons[name] = f"not available: {error}"
        measured = warm(pipelines, queries, arguments)
        opened = {name: settings[name] | {"threads": arguments.threads} for name in pipelines}
        pipelines.clear()
        fresh = cold(folder, opened, queries[: arguments.cold]) if arguments.cold else {}
    words = float(np.mean([len(documents[n].split()) for n in range(0, rows, max(1, rows // 1000))]))
    sizes = {"documents": rows, "mean_words": words, "layout": layout, "plain_layout": "Flat"}
    return sizes | {"warm": measured, "cold": fresh, "not_measured": reasons}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("vectors", type=Path, metavar="VECTORS")
    parser.add_argument("--sizes", type=_numbers, default=[5_000, 100_000, 1_000_000])
    parser.add_argument(
        "--index-type", default="auto", help="of bicross's index: auto, Flat or another FAISS factory string"
    )
    parser.add_argument("--dtypes", type=lambda text: text.split(","), default=["float32", "bfloat16"], metavar="D,...")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="the encoder that made VECTORS")
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=20, help="queries of a round, other ones each time")
    parser.add_argument("--cold", type=int, default=5, help="fresh processes for each pipeline")
    parser.add_argument("--scratch", type=Path, help="folder for the indexes; default: the system's temporary folder")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    return arguments


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main() -> None:
    arguments = parse()
    set_threads(arguments.threads)
    texts, queries = benchmark_texts(arguments.data), benchmark_queries(arguments.data)
    held = rows_of(arguments.vectors)
    if held != len(texts):
        sys.exit(
            f"{arguments.vectors} holds {held} vectors, and {arguments.data} gives {len(texts)} texts: they differ"
        )
    dimension = load(arguments.vectors, 1).shape[1]
    report = header(arguments, how=HOW) | {"vectors": about(arguments.vectors), "sizes": [], "left_out": {}}
    for rows in sorted(arguments.sizes):
        needed, free = memory_needed(rows, dimension, 1 + len(arguments.dtypes)), free_memory()
        if rows > held or (free is not None and needed > free):
            missing = f"it needs {needed:,} bytes of memory, {free:,} are free"
            reason = f"{held} vectors are there" if rows > held else missing
            report["left_out"][str(rows)] = reason
            print(f"{rows} documents: left out, {reason}", file=sys.stderr)
            continue
        report["sizes"].append(measure(rows, texts, queries, arguments))
        print("", latency_title(report["sizes"][-1]), "", latency_table(report["sizes"][-1]), sep="\n", flush=True)
        write(arguments.output, report)  # after each size: the next one may take long
    write(arguments.output, report)
    if not report["sizes"]:
        sys.exit("no size could be measured")


if __name__ == "__main__":
    main()
