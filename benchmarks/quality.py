"""How well does each way of searching rank? Measures judged collections and compares with published figures.

Usage: python benchmarks/quality.py FOLDER... [--queries N] [--dtype bfloat16] [--plots FOLDER] [--output FILE.json]

Each FOLDER is a BEIR folder. The rows of the table: the first stage on whole documents, where there are published
figures; BM25, vectors and hybrid search on passages, the hybrid with feedback too; each of them reranked with the
defaults; what a new index does when it is opened; and what tuning recommends from other queries, where parts/judged.py
names some. That is repeated on the test queries of SciFact that share no relevant document with the training claims,
which tune it. Takes hours on two cores.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from bicross.index import Chunking
from bicross.pipelines import ScoreCache, SearchPipeline
from bicross.pipelines.evaluation import Estimate, System, estimate_means
from bicross.pipelines.evaluation.evaluation import compare
from bicross.pipelines.evaluation.result import Difference
from bicross.pipelines.search import store
from bicross.pipelines.search.scoring import passages_needed
from bicross.pipelines.search.tuned import SECTION
from bicross.retrieval import DenseRetriever, Feedback, HybridRetriever, LexicalRetriever, Retriever
from parts.judged import Part, measured_part, unshared_queries
from parts.quality_bench import Bench, add_options, measured, opened
from parts.report_file import check_folders, header, write
from parts.tables.relevance import quality_table

BASELINE = "vectors"
WHOLE = "vectors, whole documents"
PUBLISHED = {
    ("scifact", WHOLE): 0.6451,
    ("nfcorpus", WHOLE): 0.3159,
    ("scifact", "BM25"): 0.6789,
    ("nfcorpus", "BM25"): 0.3218,
    ("scifact", "BM25, reranked"): 0.688,
    ("nfcorpus", "BM25, reranked"): 0.360,
}
"""nDCG@10 of all-MiniLM-L6-v2 (MTEB), of Anserini's BM25 on whole documents, and of that with ms-marco-MiniLM-L-6-v2, a
reranker of the same size that was trained on a thousand times the data. The first is reached where texts are encoded
correctly."""
CACHE_MEGABYTES = 500
HOW = (
    "Passages of bicross's default size, except in the first row. The difference is in nDCG@10 to the first stage by "
    "vectors, with its 95 % bootstrap interval; * marks p < 0.05 in the paired randomisation test. Nothing corrects "
    "for the number of tests."
)


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one way of searching on one collection; ``settings`` names those that are not the default."""

    collection: str
    system: str
    queries: int
    means: Mapping[str, Estimate]
    difference: Difference | None
    published: float | None
    settings: str = ""


def rows_of(bench: Bench, collection: Path) -> Iterator[Row]:
    """Measure all systems on the test queries of one collection."""
    options = bench.options
    judged = measured_part(collection.name).read(collection.parent, options.queries)
    systems: dict[str, System] = {}
    if (collection.name, WHOLE) in PUBLISHED:
        whole = SearchPipeline(DenseRetriever(bench.index(collection), bench.encoder), None)
        [systems[WHOLE]] = measured(whole, judged)
    index, cache = bench.index(collection, Chunking()), ScoreCache.of_megabytes(CACHE_MEGABYTES)
    stages: dict[str, Retriever] = {
        "BM25": LexicalRetriever(index),
        BASELINE: DenseRetriever(index, bench.encoder),
        "hybrid": HybridRetriever(index, bench.encoder),
        "hybrid with feedback": HybridRetriever(index, bench.encoder, feedback=Feedback()),
    }
    for name, retriever in stages.items():
        pipeline = SearchPipeline(retriever, bench.reranker, cache=cache)
        systems[name], systems[f"{name}, reranked"] = measured(pipeline, judged)
    index.set_settings({name: value for name, value in index.settings.items() if name != SECTION})  # of a run before
    new = SearchPipeline.open(index, encoder=bench.encoder, reranker=bench.reranker)
    as_opened = SearchPipeline(new.retriever, new.reranker, options=new.settings, cache=cache)
    systems["default"] = measured(as_opened, judged)[-1]
    adaptive = SearchPipeline(stages[BASELINE], bench.reranker, adaptive=True, cache=cache)
    systems[f"{BASELINE}, reranked, adaptive"] = measured(adaptive, judged)[-1]
    for passages in ("first", "max", "mean") if options.long_documents else ():
        several = DenseRetriever(index, bench.encoder, passages=passages_needed(passages))
        pipeline = SearchPipeline(several, bench.reranker, passages=passages, cache=cache)
        systems[f"{BASELINE}, reranked, {passages} passage"] = measured(pipeline, judged)[-1]
    settings = {name: f"blend {bench.reranker.blend:g}" for name in systems if "reranked" in name}
    settings["default"] = str(new.settings)
    tuned = bench.tuned(collection, plots=options.plots, latency_queries=options.latency_queries)
    if tuned is not None:
        store(index, tuned.tuning.tuned)
        best = SearchPipeline.open(index.path, encoder=bench.encoder, reranker=bench.reranker)
        systems["tuned"], settings["tuned"] = measured(best, judged)[-1], tuned.described(tuned.tuning.recommended)
    for name, system in systems.items():
        [difference, *_] = compare(systems[BASELINE], system, judged.queries).differences
        shown = None if name == BASELINE else difference
        published = None if options.queries else PUBLISHED.get((collection.name, name))  # they are of all queries
        yield Row(collection.name, name, len(judged.queries), system.means, shown, published, settings.get(name, ""))
    if tuned is not None and tuned.part == Part("scifact", "train") and collection.name == "scifact":
        ids = [query_id for query_id in unshared_queries(collection).queries if query_id in judged.queries]
        yield from unshared_rows({name: systems[name] for name in (BASELINE, "hybrid", "tuned")}, ids, settings)


def unshared_rows(systems: Mapping[str, System], ids: Sequence[str], settings: Mapping[str, str]) -> Iterator[Row]:
    """Measure systems on the test queries that share no relevant document with those that one was tuned on."""
    parts = {name: only(system, ids) for name, system in systems.items()}
    for name, system in parts.items() if ids else ():
        [difference, *_] = compare(parts[BASELINE], system, dict.fromkeys(ids, "")).differences
        shown = None if name == BASELINE else difference
        yield Row("scifact, unshared", name, len(ids), system.means, shown, None, settings.get(name, ""))


def only(system: System, ids: Sequence[str]) -> System:
    """Return what a system measures on some of its queries."""
    values = {measure: {query_id: of[query_id] for query_id in ids} for measure, of in system.values.items()}
    columns = np.array([list(of.values()) for of in values.values()]).T
    means = dict(zip(values, estimate_means(columns), strict=True)) if ids else {}
    run = {query_id: system.run[query_id] for query_id in ids if query_id in system.run}
    return replace(system, values=values, means=means, missing=len(ids) - len(run), run=run)


def calibrations(bench: Bench) -> list[dict[str, object]]:
    """Return the expected calibration error before and after, on queries that the calibration was not fitted to."""
    calibrated = [(part, tuned.tuning.calibrated) for part, tuned in bench.tunings.items()]
    return [
        {"collection": part.collection, "split": part.split, "before": errors.ece_before, "after": errors.ece_after}
        for part, errors in calibrated
        if errors is not None
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--latency-queries", type=int, default=0, help="queries to time at each depth, for the plots")
    parser.add_argument("--long-documents", action="store_true", help="also rerank by the first passage and by several")
    parser.add_argument("--plots", type=Path, help="folder for plots of the tuning")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.plots])
    if arguments.scores is not None and arguments.latency_queries:
        parser.error("--latency-queries would measure how fast --scores are looked up: leave one of them out")
    rows: list[Row] = []
    with opened(parser, arguments) as bench:
        for collection in arguments.folders:
            rows += rows_of(bench, collection.resolve())
            print(f"\n{quality_table([asdict(row) for row in rows])}", flush=True)
        report = header(arguments, how=HOW) | {
            "results": [asdict(row) for row in rows],
            "calibration": calibrations(bench),
        }
    write(arguments.output, report)


if __name__ == "__main__":
    main()
