"""What does feedback add to the first stage? Measures it without a reranker, step by step, on judged collections.

Usage: python benchmarks/feedback.py FOLDER... [--queries N] [--scratch FOLDER] [--output FILE.json]

Each FOLDER is a BEIR folder. Each row is the first stage alone: by vectors, by vectors and words, and each with
feedback; of the hybrid also with the moved query alone and with smoothing alone, and with the fusion TermShare, which
is the default of a new index. Differences are to the hybrid with NormalisedSum and without feedback.
For each collection there are signals that need no judgments: how far the lists of vectors and of words agree, and how
the scores of each spread (NQC: Shtok, Kurland and Carmel 2009, "Predicting Query Performance by Query-Drift
Estimation"). Takes minutes a collection, almost all of it for embedding; --scratch keeps the indexes.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from bicross.index import Chunking, Hit, Index, read_documents
from bicross.pipelines import Judged, SearchPipeline, build_index, index_terms
from bicross.pipelines.evaluation import Estimate, System
from bicross.pipelines.evaluation.evaluation import compare
from bicross.pipelines.evaluation.result import Difference
from bicross.pipelines.search import query_slices
from bicross.retrieval import (
    DEFAULT_ENCODER,
    BiEncoder,
    DenseRetriever,
    Encoder,
    Feedback,
    HybridRetriever,
    Retriever,
    TermShare,
)
from parts.judged import measured_part
from parts.quality_bench import measured
from parts.report_file import check_folders, header, write
from parts.tables.relevance import feedback_table, signals_table

BASELINE = "hybrid"
DEFAULT = "shares of the terms with feedback"
"""What a new index does."""
FIRST = 10
"""Documents of each list whose agreement is measured."""
DEPTH = 100
HOW = (
    "Passages of bicross's default size, no reranker. The difference is in nDCG@10 to the hybrid without feedback, "
    "with its 95 % bootstrap interval; * marks p < 0.05 in the paired randomisation test. Nothing corrects for the "
    "number of tests. The strengths were chosen on the train split of SciFact and the dev split of NFCorpus, after "
    "their parts had been seen to help on Cranfield; no query of squad-dev, cosqa and the two test splits took part. "
    "TermShare and its weight were chosen on Cranfield, the other articles of squad-dev, the dev split of cosqa and "
    "fool-me-twice; no query of the measured articles of squad-dev and of the test splits took part."
)


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one first stage on one collection."""

    collection: str
    system: str
    queries: int
    means: Mapping[str, Estimate]
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Signals:
    """What the lists of a collection say without judgments, as means over queries.

    Attributes:
        agreement: The share of the best ten by vectors that are among the best ten by words.
        dense_spread: The standard deviation of the best hundred cosines, divided by their mean.
        lexical_spread: The same of the BM25 scores above 0; 0 where fewer than two are.
    """

    collection: str
    agreement: float
    dense_spread: float
    lexical_spread: float


def stages(index: Index, encoder: Encoder) -> dict[str, Retriever]:
    """Return the first stages to compare."""
    return {
        "vectors": DenseRetriever(index, encoder),
        "vectors with feedback": DenseRetriever(index, encoder, feedback=Feedback()),
        BASELINE: HybridRetriever(index, encoder),
        "hybrid, moved query": HybridRetriever(index, encoder, feedback=Feedback(smoothing=0.0)),
        "hybrid, smoothed": HybridRetriever(index, encoder, feedback=Feedback(weight=0.0)),
        "hybrid with feedback": HybridRetriever(index, encoder, feedback=Feedback()),
        "shares of the terms": HybridRetriever(index, encoder, fusion=TermShare()),
        DEFAULT: HybridRetriever(index, encoder, fusion=TermShare(), feedback=Feedback()),
    }


def rows_of(name: str, retrievers: Mapping[str, Retriever], judged: Judged) -> list[Row]:
    """Measure the first stages on the queries of one collection."""
    systems: dict[str, System] = {
        system: measured(SearchPipeline(retriever, None), judged)[-1] for system, retriever in retrievers.items()
    }
    rows: list[Row] = []
    for system, figures in systems.items():
        [difference, *_] = compare(systems[BASELINE], figures, judged.queries).differences
        shown = None if system == BASELINE else difference
        rows.append(Row(name, system, len(judged.queries), figures.means, shown))
    return rows


def signals_of(name: str, retriever: HybridRetriever, queries: Sequence[str]) -> Signals:
    """Compute the signals of a collection from the candidates of its queries."""
    lines = [
        _signals(hits)
        for some_queries in query_slices(queries)
        for hits in retriever.candidates(some_queries, DEPTH)
        if hits
    ]
    return Signals(name, *np.mean(lines, axis=0).tolist())


def _signals(hits: Sequence[Hit]) -> tuple[float, float, float]:
    dense = np.array([hit.dense_score or 0.0 for hit in hits])
    lexical = np.array([hit.lexical_score or 0.0 for hit in hits])
    by_words = np.argsort(-lexical, kind="stable")[: min(FIRST, int((lexical > 0).sum()))]
    by_vectors = np.argsort(-dense, kind="stable")[:FIRST]
    agreement = len(set(by_words.tolist()) & set(by_vectors.tolist())) / len(by_vectors)
    return agreement, _spread(np.sort(dense)[::-1][:DEPTH]), _spread(np.sort(lexical[lexical > 0])[::-1][:DEPTH])


def _spread(scores: np.ndarray) -> float:
    return float(scores.std() / abs(scores.mean())) if len(scores) > 1 and scores.mean() else 0.0


def opened_index(collection: Path, folder: Path, encoder: Encoder) -> Index:
    """Open the index of a collection, or build it; one that a run left unfinished is continued."""
    path = folder / collection.name
    if not (path / "MANIFEST").exists():
        documents = read_documents(collection, on_error="skip", errors_path=folder / "errors.jsonl")
        how = {"encoder": encoder, "reranker": None, "chunking": Chunking(), "lexical": True}
        build_index(documents, path, **how, resume=True, progress=True)
    index_terms(path, analyzer="en")  # where an older bicross made the terms
    return Index.open(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--queries", type=int, help="at most so many queries of each collection, drawn at random")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scratch", type=Path, help="folder that keeps the indexes for the next run")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.scratch])
    encoder = BiEncoder(arguments.encoder, device=arguments.device)
    rows, signals = list[Row](), list[Signals]()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.scratch or Path(temporary)
        folder.mkdir(exist_ok=True)
        for collection in (path.resolve() for path in arguments.folders):
            judged = measured_part(collection.name).read(collection.parent, arguments.queries)
            index = opened_index(collection, folder, encoder)
            rows += rows_of(collection.name, stages(index, encoder), judged)
            queries = [judged.queries[id_] for id_ in sorted(judged.judged_ids)]
            signals.append(signals_of(collection.name, HybridRetriever(index, encoder), queries))
            print(f"\n{feedback_table([asdict(row) for row in rows])}", flush=True)
            print(f"\n{signals_table([asdict(line) for line in signals])}", flush=True)
        report = header(arguments, how=HOW) | {
            "results": [asdict(row) for row in rows],
            "signals": [asdict(line) for line in signals],
        }
    write(arguments.output, report)


if __name__ == "__main__":
    main()
