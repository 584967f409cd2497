"""Does a reranker pay? Compares the first stage with the reranked order, by vectors and by hybrid search.

Usage: python benchmarks/reranker.py FOLDER... [--reranker NAME] [--scores FOLDER] [--output FILE.json]

Each FOLDER is a BEIR folder; its test queries are measured as in quality.py. No setting is chosen on them: the blend is
the reranker's own, 100 candidates are scored, and "tuned" is the best setting with the reranker that tuning finds on
other queries, where parts/judged.py names some. Takes hours on two cores;
with --scores each pair is scored once, whatever else changes later.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bicross.index import Chunking
from bicross.pipelines import SearchPipeline
from bicross.pipelines.evaluation import Estimate
from bicross.pipelines.evaluation.evaluation import compare
from bicross.pipelines.evaluation.result import Difference
from bicross.pipelines.models import open_retriever
from bicross.pipelines.search import PassageScoring
from bicross.pipelines.search.scoring import passages_needed
from bicross.retrieval import DenseRetriever, HybridRetriever, Retriever
from parts.judged import measured_part
from parts.quality_bench import MEASURES, Bench, add_options, first_stage_of_new, measured, opened
from parts.report_file import header, write
from parts.tables.relevance import reranker_table

DEPTH = 100
HOW = (
    "Passages of bicross's default size. The difference is in nDCG@10 to the same first stage without the reranker, "
    "with its 95 % bootstrap interval; * marks p < 0.05 in the paired randomisation test. Nothing corrects "
    "for the number of tests. A target is met or not by the mean."
)


@dataclass(frozen=True, slots=True)
class Target:
    """nDCG@10 to reach, or to gain over the first stage."""

    least: float = 0.0
    gain: float = 0.0

    def met(self, reached: float, gained: float) -> bool:
        """Tell whether a mean and its gain over the first stage reach the target."""
        return reached >= self.least and gained >= self.gain

    def __str__(self) -> str:
        return f"at least {self.least:g}" if self.least else f"{self.gain:+g}"


DENSE = {
    "scifact": Target(least=0.72),
    "nfcorpus": Target(least=0.335),
    "cranfield": Target(gain=0.03),
    "squad-dev": Target(gain=0.05),
    "cosqa": Target(gain=0.05),
}
"""Targets of vectors, reranked."""
HYBRID = Target(gain=0.01)
"""Target of hybrid search, reranked, on each of these collections."""


@dataclass(frozen=True, slots=True)
class Way:
    """A first stage, and how the reranker is used after it; ``blend`` None is the reranker's own."""

    name: str
    retriever: Retriever
    depth: int = DEPTH
    blend: float | None = None
    passages: PassageScoring = "best"
    settings: str = ""
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of a first stage, or of the reranked order with its difference to that."""

    collection: str
    system: str
    queries: int
    means: Mapping[str, Estimate]
    difference: Difference | None = None
    target: str = ""
    met: bool | None = None
    settings: str = ""


def ways_of(bench: Bench, collection: Path) -> Iterator[Way]:
    """Yield vectors, hybrid search and the default with the reranker's own blend, and the setting tuned elsewhere."""
    index, encoder, name = bench.index(collection, Chunking()), bench.encoder, collection.name
    hybrid = HYBRID if name in DENSE else None
    own = f"blend {bench.reranker.blend:g}"
    yield Way("vectors", DenseRetriever(index, encoder), settings=own, target=DENSE.get(name))
    yield Way("hybrid", HybridRetriever(index, encoder), settings=own, target=hybrid)
    retriever = first_stage_of_new(index, encoder)
    yield Way("default", retriever, settings=own, target=hybrid)
    if bench.options.long_documents:
        several = HybridRetriever(index, encoder, passages=passages_needed("max"))
        yield Way("hybrid, best of three", several, passages="max", settings=own, target=hybrid)
    tuned = bench.tuned(collection) if bench.options.tuned else None
    if tuned is None:
        return
    best = tuned.tuning.shown  # the best setting with the reranker, also where tuning recommends none
    stage, target = ("dense", None) if best.fusion is None else ("hybrid", hybrid)
    retriever = open_retriever(index, encoder, first_stage=stage, fusion=best.fusion, feedback=best.feedback)
    yield Way("tuned", retriever, best.depth, best.blend, settings=tuned.described(best), target=target)


def rows_of(bench: Bench, collection: Path) -> Iterator[Row]:
    """Yield two rows for each way: first stage and reranked."""
    judged = measured_part(collection.name).read(collection.parent, bench.options.queries)
    name, queries = collection.name, len(judged.queries)
    for way in ways_of(bench, collection):
        if bench.options.way and way.name not in bench.options.way:
            continue
        pipeline = SearchPipeline(
            way.retriever, bench.reranker, rerank_k=way.depth, blend=way.blend, passages=way.passages
        )
        before, after = measured(pipeline, judged)
        [difference, *_] = compare(before, after, judged.queries).differences
        met = None if way.target is None else way.target.met(after.means[MEASURES[0]].mean, difference.mean)
        yield Row(name, way.name, queries, before.means)
        yield Row(
            name,
            f"{way.name}, reranked",
            queries,
            after.means,
            difference=difference,
            target=str(way.target or ""),
            met=met,
            settings=way.settings,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--tuned", action=argparse.BooleanOptionalAction, default=True, help="tune on other queries")
    parser.add_argument("--way", action="append", help="measure this row alone, as default; may come again")
    parser.add_argument("--long-documents", action="store_true", help="also score three passages of each document")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with opened(parser, arguments) as bench:
        for collection in arguments.folders:
            rows += rows_of(bench, collection.resolve())
            print(f"\n{reranker_table([asdict(row) for row in rows])}", flush=True)
            report = header(arguments, how=HOW) | {"blend": bench.reranker.blend, "results": [asdict(r) for r in rows]}
            write(arguments.output, report)  # after each: the next one may take an hour


if __name__ == "__main__":
    main()
