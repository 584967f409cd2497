"""How fast does an encoder embed? Compares bicross's BiEncoder with SentenceTransformer.encode.

Usage: python benchmarks/embed_speed.py DATA [--quality --cache FOLDER] [--output benchmarks/results/embed-speed.json]

DATA is the folder of the collections (squad-dev, medquad-qa, nfcorpus, cranfield, scifact). Measures documents per
second for passages as long as MS MARCO's and for SciFact's documents, and the latency of one query (p50, p95). Beside
speed: the cosine to sentence-transformers' float32 vectors (least and mean), and with --quality nDCG@10 of an exact
search among whole documents on SciFact and NFCorpus.
"""

import argparse
import hashlib
import itertools
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bicross.index import passage_text
from bicross.inference import ModelFiles, resolve_model
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder
from numpy.typing import NDArray
from parts.flops import Cost, Lengths, Peak, peak
from parts.judged import mean_ndcg, read_queries
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rerank_variants import DTYPES, REFERENCE, Variant, load
from parts.rounds import Taken, in_turn, percentiles_ms, ratio, slices
from parts.speed_texts import Workload, rows, spread, workloads
from parts.tables.speed import embed_quality_table, embed_speed_table
from rerank_quality import COLLECTIONS

Vectors = NDArray[np.float32]
HOW = (
    "Documents: every round gives all of them to each encoder, in an order drawn anew; medians over the rounds. One "
    "query: each goes to all encoders one after the other, in an order drawn for each; percentiles are over all "
    "queries, ratios medians over them. Cosines are of the vectors at length one. The share of peak is the FLOP of "
    "the tokens without padding by time, over the fastest square matrix product of the same number format in this "
    "run."
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder, as two functions of texts."""

    documents: Callable[[Sequence[str]], Vectors]
    queries: Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Contest:
    """The encoders that could be loaded, the reference first, and what their figures are computed from."""

    variants: Sequence[Variant[Encoding]]
    encoding: dict[str, Encoding]
    cost: Cost
    lengths: Lengths
    peaks: dict[str, Peak]


def variants(model: str, device: str) -> list[Variant[Encoding]]:
    """Return all encoders, the reference first."""
    folder = resolve_model(model)
    peers = [
        Variant(f"sentence-transformers {dtype}, batch {size}", dtype, partial(_peer, folder, device, dtype, size))
        for dtype, size in (("float32", 32), ("bfloat16", 32), ("bfloat16", 8))
    ]
    ours = [Variant(f"bicross {dtype}", dtype, partial(_ours, folder, device, dtype), ours=True) for dtype in DTYPES]
    return [*peers, *ours]


def _peer(folder: Path, device: str, dtype: str, size: int) -> Encoding:
    import torch
    from sentence_transformers import SentenceTransformer

    given = {"dtype": getattr(torch, dtype)}
    model: Any = SentenceTransformer(str(folder), device=device, local_files_only=True, model_kwargs=given)

    def encode(texts: Sequence[str]) -> Vectors:
        return np.asarray(model.encode(list(texts), batch_size=size, show_progress_bar=False), np.float32)

    return Encoding(encode, encode)


def _ours(folder: Path, device: str, dtype: Any) -> Encoding:  # noqa: ANN401 - not every name is a dtype of every version
    model = BiEncoder(folder, device=device, dtype=dtype)
    return Encoding(model.encode_documents, model.encode_queries)


def cosines(vectors: Vectors, reference: Vectors) -> dict[str, float]:
    """Return the least and the mean cosine of the rows to those of the reference."""
    products = np.einsum("nd,nd->n", unit(vectors), unit(reference))
    return {"least_cosine": float(products.min()), "mean_cosine": float(products.mean())}


def unit(vectors: Vectors) -> Vectors:
    """Scale vectors to length one; those of a model in half precision are so only roughly."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def documents(workload: Workload, contest: Contest, *, count: int, rounds: int) -> dict[str, object]:
    """Measure throughput, and how near the vectors are to those of the reference."""
    texts = spread(workload.passages, count)
    calls = {name: encoding.documents for name, encoding in contest.encoding.items()}
    taken: Taken[Vectors] = in_turn(calls, [[texts]] * rounds, note=f"{workload.name}, documents", warm_up=False)
    base, reference = taken.seconds[REFERENCE], taken.results[REFERENCE][0]
    lengths = contest.lengths.of(texts)
    flop = [contest.cost.flop(lengths)] * rounds
    figures: dict[str, object] = {}
    for variant in contest.variants:
        seconds = taken.seconds[variant.name]
        figures[variant.name] = {
            "documents_per_second": len(texts) / float(np.median(seconds)),
            "times_faster": ratio(base, seconds),
            "share_of_peak": contest.peaks[variant.dtype].share(flop, seconds),
            **cosines(taken.results[variant.name][0], reference),
            "seconds": seconds,
        }
    return {"texts": len(texts), "mean_tokens": float(np.mean(lengths)), "variants": figures}


def one_query(workload: Workload, contest: Contest, *, queries: int, rounds: int) -> dict[str, object]:
    """Measure the latency of single queries."""
    asked = [[query] for query in spread(workload.queries, queries * rounds)]
    calls = {name: encoding.queries for name, encoding in contest.encoding.items()}
    given = slices(asked, rounds=rounds, each=queries)
    taken: Taken[Vectors] = in_turn(calls, given, note=f"{workload.name}, one query")
    base, reference = taken.seconds[REFERENCE], np.concatenate(taken.results[REFERENCE])
    figures: dict[str, object] = {}
    for name, seconds in taken.seconds.items():
        near = cosines(np.concatenate(taken.results[name]), reference)
        figures[name] = {**percentiles_ms(seconds), "times_faster": ratio(base, seconds), **near, "seconds": seconds}
    tokens = contest.lengths.of(list(itertools.chain.from_iterable(asked)))
    return {"queries": queries * rounds, "mean_tokens": float(np.mean(tokens)), "variants": figures}


def quality(folder: Path, contest: Contest, *, weights: str, cache: Path) -> list[dict[str, object]]:
    """Measure nDCG@10 of exact search among whole documents; the vectors of the reference are cached."""
    queries, qrels = read_queries(folder, "test")
    corpus = list(rows(folder / "corpus.jsonl"))
    ids, texts = [row["_id"] for row in corpus], [passage_text(row["title"], row["text"]) for row in corpus]
    key = hashlib.sha256("\n".join([weights, *texts]).encode()).hexdigest()[:12]
    path = cache / f"vectors-{folder.name}-{key}.npy"
    figures: list[dict[str, object]] = []
    base = 0.0
    for name in [REFERENCE, *(variant.name for variant in contest.variants if variant.ours)]:
        print(f"  {folder.name}, {name}", file=sys.stderr, flush=True)
        cached = name == REFERENCE and path.exists()
        vectors = unit(np.load(path) if cached else contest.encoding[name].documents(texts))
        if name == REFERENCE and not cached:
            np.save(path, vectors)
        scores = unit(contest.encoding[name].queries(list(queries.values()))) @ vectors.T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :100].tolist()
        ranked = zip(queries, best, scores, strict=True)
        run = {query: [(ids[row], float(query_scores[row])) for row in order] for query, order, query_scores in ranked}
        ndcg = mean_ndcg(qrels, run)
        base = ndcg if name == REFERENCE else base
        figures.append({"collection": folder.name, "name": name, "ndcg_at_10": ndcg, "difference": ndcg - base})
    return figures


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--documents", type=int, default=300, help="documents of each workload in a round")
    parser.add_argument("--queries", type=int, default=50, help="queries of a round, other ones each time")
    parser.add_argument(
        "--quality", action="store_true", help="also measure nDCG@10, on two collections with each encoder"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps the reference's vectors of --quality")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.cache])
    return arguments


def main() -> None:
    arguments = parse()
    set_threads(arguments.threads)
    folder = resolve_model(arguments.encoder)
    all_variants = variants(arguments.encoder, arguments.device)
    encoding, reasons = load(all_variants)
    contest = Contest(
        variants=[variant for variant in all_variants if variant.name in encoding],
        encoding=encoding,
        cost=Cost.of_folder(folder, head=False),
        lengths=Lengths(folder, BiEncoder(folder, device="cpu").fingerprint.max_length),
        peaks={dtype: peak(dtype, arguments.device) for dtype in DTYPES},
    )
    peaks = {dtype: asdict(measured) for dtype, measured in contest.peaks.items()}
    about = {"cost": asdict(contest.cost), "peaks": peaks, "not_measured": reasons}
    report = header(arguments, how=HOW) | about | {"workloads": []}
    for workload in workloads(arguments.data):
        figures = {
            "workload": workload.name,
            "source": workload.source,
            "documents": documents(workload, contest, count=arguments.documents, rounds=arguments.rounds),
            "one_query": one_query(workload, contest, queries=arguments.queries, rounds=arguments.rounds),
        }
        report["workloads"].append(figures)
        title = f"{workload.name}, {arguments.documents} documents, queries one by one"
        print(f"\n{title}\n\n{embed_speed_table(figures, reasons)}", flush=True)
        write(arguments.output, report)
    if arguments.quality:
        weights = ModelFiles.of(arguments.encoder, folder).weights_sha256
        with tempfile.TemporaryDirectory() as scratch:
            cache = arguments.cache or Path(scratch)
            cache.mkdir(exist_ok=True)
            measured = [quality(arguments.data / name, contest, weights=weights, cache=cache) for name in COLLECTIONS]
        report["quality"] = list(itertools.chain.from_iterable(measured))
        print(f"\n{embed_quality_table(report['quality'])}")
        write(arguments.output, report)


if __name__ == "__main__":
    main()
