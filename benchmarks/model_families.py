"""How fast is each family of models? Compares bicross with sentence-transformers on random models of published sizes.

Usage: python benchmarks/model_families.py [--family NAME ...] [--layers N] [--output FILE.json]

For each family a random model of a published size: the reranker scores the candidates of one query, the encoder embeds
passages; sentence-transformers and bicross in float32 and bfloat16, in turn and in changing order. With --output the
families that the file has already, from the same settings, are not measured again, so a run that was interrupted
continues; --family measures some of them, in the order given, --layers with fewer layers than published, which the
file then says. At the published depths all families take about half an hour in float32 on two idle cores.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from numpy.typing import NDArray
from parts.family_models import (
    DECODER_TOKENS,
    FAMILIES,
    PASSAGE_TOKENS,
    QUERY_TOKENS,
    TEMPLATE_TOKENS,
    Family,
    save,
    texts,
)
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rounds import Taken, in_turn, ratio
from parts.tables.families import families_table

Compute = Callable[[Sequence[tuple[str, str]]], NDArray[np.float32]]
"""Takes (query, passage) pairs; an encoder embeds the passages alone."""
REFERENCE = "sentence-transformers float32"
DTYPES = ("float32", "bfloat16")
HOW = (
    "Random weights and invented words. Every round gives other texts to all, one after the other, in an order drawn "
    "for each round; rates are medians over the rounds, ratios medians of the ratios within a round. Lengths are "
    f"log-normal, {PASSAGE_TOKENS} tokens on average; for rerankers that are decoders {DECODER_TOKENS}, after a "
    f"template with the query of {TEMPLATE_TOKENS}. The largest difference is that of logits, or of numbers "
    "of unit vectors, to sentence-transformers in float32 in the same run; the spread is the standard deviation of its "
    "logits, or of its numbers."
)


def contestants(
    family: Family, folder: Path, device: str, dtypes: Sequence[str]
) -> tuple[dict[str, Compute], dict[str, bool]]:
    """Load all, the reference first; also tell which of bicross's run packed."""
    make_peer, make_own = (_peer_encoder, _encoder) if family.kind == "encoder" else (_peer_reranker, _reranker)
    peers = {f"sentence-transformers {dtype}": make_peer(folder, device, dtype) for dtype in dtypes}
    ours = {dtype: make_own(folder, device, dtype) for dtype in dtypes}
    own = {f"bicross {dtype}": compute for dtype, (compute, _) in ours.items()}
    return peers | own, {dtype: packed for dtype, (_, packed) in ours.items()}


def _peer_reranker(folder: Path, device: str, dtype: str) -> Compute:
    import torch
    from sentence_transformers import CrossEncoder

    model: Any = CrossEncoder(str(folder), device=device, model_kwargs={"dtype": getattr(torch, dtype)})
    identity = torch.nn.Identity()
    return lambda pairs: model.predict(list(map(list, pairs)), activation_fn=identity, show_progress_bar=False)


def _peer_encoder(folder: Path, device: str, dtype: str) -> Compute:
    import torch
    from sentence_transformers import SentenceTransformer

    model: Any = SentenceTransformer(str(folder), device=device, model_kwargs={"dtype": getattr(torch, dtype)})

    def encode(pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        vectors = model.encode_document([passage for _, passage in pairs], show_progress_bar=False)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return encode


def _reranker(folder: Path, device: str, dtype: Any) -> tuple[Compute, bool]:  # noqa: ANN401 - a name of a number format
    model = CrossEncoderReranker(folder, device=device, dtype=dtype)
    return model.score, model.runs_packed


def _encoder(folder: Path, device: str, dtype: Any) -> tuple[Compute, bool]:  # noqa: ANN401
    model = BiEncoder(folder, device=device, dtype=dtype)
    return lambda pairs: model.encode_documents([passage for _, passage in pairs]), model.runs_packed


def measure(name: str, family: Family, arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Measure one family."""
    parameters = save(family, folder, layers=arguments.layers, tiny=arguments.tiny)
    named, packed = contestants(family, folder, arguments.device, arguments.dtypes)
    mean = DECODER_TOKENS if family.kind == "decoder reranker" else PASSAGE_TOKENS
    queries = texts(arguments.rounds, QUERY_TOKENS, seed=2, spread=0)
    count = arguments.pairs or family.texts
    passages = [texts(count, mean, seed=3 + number) for number in range(arguments.rounds)]
    rounds = [[[(query, passage) for passage in of_query]] for query, of_query in zip(queries, passages, strict=True)]
    taken: Taken[NDArray[np.float32]] = in_turn(named, rounds, note=name)
    base, reference = taken.seconds[REFERENCE], np.concatenate(taken.results[REFERENCE])
    variants: dict[str, object] = {}
    for variant, seconds in taken.seconds.items():
        same = taken.seconds[f"sentence-transformers {variant.split()[-1]}"]
        variants[variant] = {
            "per_second": count / float(np.median(seconds)),
            "times_faster": ratio(base, seconds),
            "times_faster_in_the_same_format": ratio(same, seconds),
            "largest_difference": float(np.abs(np.concatenate(taken.results[variant]) - reference).max()),
            "seconds": seconds,
        }
    published = family.published_layers()
    return {
        "family": name,
        "example": family.example,
        "kind": family.kind,
        "parameters": parameters,
        "layers": arguments.layers or published,
        "published_layers": published,
        "texts": count,
        "packed": packed,
        "spread": float(reference.std()),
        "variants": variants,
    }


def measured_before(path: Path | None, settings: Mapping[str, object]) -> list[dict[str, Any]]:
    """The families that the file has from these settings; none where another run wrote it."""
    if path is None or not path.exists():
        return []
    report = json.loads(path.read_text(encoding="utf-8"))
    if report["settings"] != settings:
        sys.exit(f"{path} has figures of other settings: {report['settings']}. Name another file, or remove it.")
    return list(report["families"])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="measure this one; may come again")
    parser.add_argument("--layers", type=int, help="layers of each model, in place of the published number")
    parser.add_argument(
        "--pairs",
        type=int,
        help="candidates of a query, or passages, of a round; by default 24, and 8 for big decoders",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=DTYPES, help="float32 first")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="models of a handful of units, to try the script")
    parser.add_argument("--note", default="", help="what a reader should know of this run, for the report")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    if arguments.dtypes[0] != "float32":
        parser.error("--dtypes begins with float32, to which all others are compared")
    return arguments


def main() -> None:
    arguments = parse()
    set_threads(arguments.threads)
    report = header(arguments, how=HOW)
    chosen = report["settings"].pop("family") or list(FAMILIES)
    report["note"] = report["settings"].pop("note")
    report["families"] = measured_before(arguments.output, report["settings"])
    done = {family["family"] for family in report["families"]}
    for name in chosen:
        if name in done:
            print(f"  {name}: measured before", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            report["families"].append(measure(name, FAMILIES[name], arguments, Path(scratch) / "model"))
        report["families"].sort(key=lambda family: list(FAMILIES).index(family["family"]))
        write(arguments.output, report)
    print(f"\n{families_table(report)}")


if __name__ == "__main__":
    main()
