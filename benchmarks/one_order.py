"""What does one order per input cost? Times rerankers as they are, and without what gives a pair one logit.

Usage: python benchmarks/one_order.py [--family NAME ...] [--layers N] [--output FILE.json]

On a CPU a pair has the same logit to the last bit whatever else is in the call. For that a head computes 16 sequences
at once, attention fills up few queries, DeBERTa multiplies positions sequence by sequence, a decoder continues the
beginning of a prompt also for a single candidate, and equal pairs are found. Here the same random weights score the
same pairs with all of that and without any of it, in turn and in changing order.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from bicross.rerank import CrossEncoderReranker
from numpy.typing import NDArray
from parts.family_models import DECODER_TOKENS, FAMILIES, PASSAGE_TOKENS, QUERY_TOKENS, Family, save, texts
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rounds import in_turn, percentiles_ms, ratio
from parts.tables.speed import one_order_table
from torch import Tensor

Pairs = Sequence[tuple[str, str]]
Logits = NDArray[np.float32]
KEPT, FREE = "as it is", "without"
CHOSEN = ("BERT", "ModernBERT", "DeBERTa-v2", "Qwen3 reranker")
HOW = (
    "Seconds of `score` for the candidates of one query, in float32. Added is the median, over the rounds, of the time "
    "as it is divided by the time without, less 1. Other bits counts the candidates whose logit alone is not, to the "
    "last bit, that of the whole call."
)


def _all_as_they_are(rows: int, device: object) -> None:
    del rows, device


def _together(x: Tensor, positions: Tensor) -> Tensor:
    """Multiply the positions of all sequences at once, as on a GPU."""
    count, heads, tokens, size = x.shape
    products = x.transpose(0, 1).reshape(heads, count * tokens, size) @ positions
    return products.view(heads, count, tokens, -1).transpose(0, 1)


def _each(keys: Sequence[object], compute: Callable[[list[int]], Logits]) -> Logits:
    return compute(list(range(len(keys))))


def _replaced() -> list[tuple[Any, str, object]]:
    """What gives a pair one logit: who has it, its name, and what takes its place."""
    rooms = ("layers.attention", "layers.biases", "architectures.heads", "engine")
    attention, biases, heads, engine = (import_module(f"bicross.inference.packed.{room}") for room in rooms)
    return [
        (attention, "few_filled_up", _all_as_they_are),
        (biases, "few_filled_up", _all_as_they_are),
        (biases, "_products", _together),
        (heads, "in_one_shape", lambda finish: finish),
        (engine.PackedEncoder, "on_cpu", False),
        (import_module("bicross.rerank.cross_encoder"), "each_once", _each),
    ]


@contextmanager
def free() -> Iterator[None]:
    """Compute and load models without what makes a logit the same in every call."""
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in _replaced()]
    try:
        for owner, name, replacement in _replaced():
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


def other_bits(score: Callable[[Pairs], Logits], pairs: Pairs) -> int:
    """Count the pairs whose logit alone is not that of the whole call."""
    alone = np.concatenate([score([pair]) for pair in pairs])
    return int((alone != score(pairs)).sum())


def measure(family: Family, arguments: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    """Measure one family with each number of candidates."""
    save(family, folder, layers=arguments.layers, tiny=arguments.tiny)
    kept = CrossEncoderReranker(folder, device=arguments.device)
    with free():
        model = CrossEncoderReranker(folder, device=arguments.device)

    def score_free(pairs: Pairs) -> Logits:
        with free():
            return model.score(pairs)

    compared: dict[str, Callable[[Pairs], Logits]] = {KEPT: kept.score, FREE: score_free}
    mean = DECODER_TOKENS if family.kind == "decoder reranker" else PASSAGE_TOKENS
    queries = texts(arguments.rounds, QUERY_TOKENS, seed=2, spread=0)
    rows: list[dict[str, object]] = []
    for count in arguments.candidates:
        passages = [texts(count, mean, seed=3 + number) for number in range(arguments.rounds)]
        asked = [[(query, passage) for passage in of_query] for query, of_query in zip(queries, passages, strict=True)]
        seconds = in_turn(compared, [[pairs] for pairs in asked], note=f"{family.example}, {count}").seconds
        rows.append(
            {
                "candidates": count,
                "added": ratio(seconds[KEPT], seconds[FREE]) - 1.0,
                "variants": {
                    name: {
                        **percentiles_ms(seconds[name]),
                        "other_bits": other_bits(score, asked[0]),
                        "seconds": seconds[name],
                    }
                    for name, score in compared.items()
                },
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = [name for name, family in FAMILIES.items() if family.kind != "encoder"]
    parser.add_argument("--family", action="append", choices=named, help="measure this one; may come again")
    parser.add_argument("--layers", type=int, help="layers of each model, in place of the published number")
    parser.add_argument("--candidates", type=int, nargs="+", default=[1, 10, 100], help="candidates of a query")
    parser.add_argument("--rounds", type=int, default=15, help="queries, each with other candidates")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="models of a handful of units, to try the script")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.set_defaults(device="cpu")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    set_threads(arguments.threads)
    report = header(arguments, how=HOW)
    report["families"] = []
    for name in arguments.family or CHOSEN:
        with tempfile.TemporaryDirectory() as scratch:
            rows = measure(FAMILIES[name], arguments, Path(scratch) / "model")
        report["families"].append({"family": name, "rows": rows})
        write(arguments.output, report)
    print(one_order_table(report["families"]))


if __name__ == "__main__":
    main()
