"""What does an early exit save, and what does it cost? Compares cascades with scoring all candidates.

Usage: python benchmarks/cascade.py FOLDER... [--reranker MODEL] [--cascade 3:30,4:10]... [--output FILE.json]

Each FOLDER is a BEIR folder; MODEL has exits. All candidates are scored once, by the whole model and at every exit;
what a cascade would return is made from these scores, and differences are paired by query. A smaller rerank_k, the
plain way to score less, stands beside them. Time is measured apart, on candidates of the same queries: every query goes
to all ways in turn, in changing order, and ratios are of the same query.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from bicross.index import Hit, Index, passage_text, read_documents
from bicross.pipelines import Judged, SearchPipeline, build_index, evaluate
from bicross.pipelines.evaluation import System
from bicross.pipelines.evaluation.evaluation import compare
from bicross.pipelines.evaluation.result import Difference
from bicross.pipelines.search import final_scores, read_cascade
from bicross.rerank import (
    DEFAULT_RERANKER,
    Cascade,
    CascadeScores,
    CrossEncoderReranker,
    Pair,
    RankingKey,
    check_cascade,
    run_cascade,
)
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder, DenseRetriever
from numpy.typing import NDArray
from parts.judged import measured_part
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rounds import in_turn, percentiles_ms, ratio, slices
from parts.tables.layers import cascade_means_table, cascade_table

MEASURES = ("nDCG@10",)
CANDIDATES = 100
FULL = "everything read to the end"
CASCADES = ("3:50", "3:30", "3:30,4:10", "3:40,4:20", "4:20")
DEPTHS = (60, 40)
HOW = (
    "First stage by vectors, passages of the default size, blend of the reranker. The difference is in nDCG@10 to "
    "scoring all candidates, with its 95 % bootstrap interval. Times are of scoring one query's candidates, medians; "
    "times faster is the median over queries of the ratio for the same query."
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of reranking: a cascade, or the first ``depth`` candidates alone."""

    name: str
    cascade: Cascade
    depth: int = CANDIDATES


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one way on one collection."""

    collection: str
    way: str
    queries: int
    ndcg: float
    difference: Difference | None
    times_faster: float
    p50_ms: float
    seconds: Sequence[float]


class Known:
    """A reranker that looks up logits which were computed before, by layer; layer 0 is the whole model."""

    exits_fingerprint = ""

    def __init__(self, said: Mapping[int, Mapping[Pair, float]], blend: float) -> None:
        self._said, self.blend = said, blend
        self.exit_layers = tuple(layer for layer in said if layer)

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Return the logits of the whole model, shape (len(pairs),)."""
        return np.array([self._said[0][pair] for pair in pairs], np.float32)

    def score_cascade(
        self, pairs: Sequence[Pair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """Score a cascade as a model with these exits would."""

        def read(layer: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.array([self._said[layer][pairs[row]] for row in rows], np.float32)

        return run_cascade([query for query, _ in pairs], cascade, read, ranking_key=ranking_key)

    def score_cascade_tokens(
        self, pairs: object, cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """Refuse: the pipelines of this benchmark score texts."""
        raise AssertionError("it knows texts alone")


class Bench:
    """The models, and a folder of indexes, each of which is built once."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.folder, self.options = folder, arguments
        self.encoder = BiEncoder(arguments.encoder, device=arguments.device)
        self.reranker = CrossEncoderReranker(arguments.reranker, device=arguments.device, dtype=arguments.dtype)

    def rows(self, collection: Path, ways: Sequence[Way]) -> list[Row]:
        """Measure all ways on one collection."""
        judged = measured_part(collection.name).read(collection.parent, self.options.queries)
        retriever = DenseRetriever(self._index(collection), self.encoder)
        queries = list(judged.queries.values())
        hits = dict(zip(queries, retriever.retrieve(queries, CANDIDATES), strict=True))
        stored_scores = Known(
            self._said([pair for query in queries for pair in _pairs(query, hits[query])]), self.reranker.blend
        )
        systems = {way.name: _measured(retriever, stored_scores, way, judged) for way in ways}
        seconds = self._seconds(hits, ways, note=collection.name)
        return [
            Row(
                collection.name,
                way.name,
                len(judged.queries),
                systems[way.name].means[MEASURES[0]].mean,
                None if way.name == FULL else compare(systems[FULL], systems[way.name], judged.queries).differences[0],
                ratio(seconds[FULL], seconds[way.name]),
                percentiles_ms(seconds[way.name])["p50_ms"],
                seconds[way.name],
            )
            for way in ways
        ]

    def _index(self, collection: Path) -> Index:
        path = self.folder / collection.name
        if not (path / "MANIFEST").exists():  # else it is left from an earlier run
            documents = read_documents(collection, on_error="skip", errors_path=self.folder / "errors.jsonl")
            build_index(documents, path, encoder=self.encoder, reranker=None, resume=True, progress=True)
        return Index.open(path)

    def _said(self, pairs: Sequence[Pair]) -> dict[int, dict[Pair, float]]:
        """Return the logits of every exit and of the whole model, from one pass."""
        layers = self.reranker.exit_layers
        states, logits = self.reranker.first_tokens(pairs, layers)
        heads = self.reranker.exits
        values = {layer: heads[layer](states[:, column]) for column, layer in enumerate(layers)} | {0: logits}
        return {layer: dict(zip(pairs, scores.tolist(), strict=True)) for layer, scores in values.items()}

    def _seconds(self, hits: Mapping[str, Sequence[Hit]], ways: Sequence[Way], *, note: str) -> dict[str, list[float]]:
        """Return the seconds of each way for the same queries."""
        asked = list(hits)[: self.options.speed_queries]
        calls = {way.name: partial(self._read, hits, way) for way in ways}
        rounds = slices(asked, rounds=self.options.rounds, each=len(asked))
        return in_turn(calls, rounds, note=note).seconds

    def _read(self, hits: Mapping[str, Sequence[Hit]], way: Way, query: str) -> None:
        """Score the candidates of a query as a pipeline does."""
        candidates = hits[query][: way.depth]
        retrieval = np.array([hit.score for hit in candidates], np.float64)

        def ranking_key(rows: NDArray[np.int64], logits: NDArray[np.float32]) -> NDArray[np.float64]:
            return final_scores(logits.astype(np.float64), retrieval[rows], self.reranker.blend)

        self.reranker.score_cascade(_pairs(query, candidates), way.cascade, ranking_key=ranking_key)


def _pairs(query: str, hits: Sequence[Hit]) -> list[Pair]:
    return [(query, passage_text(hit.document.title, hit.passage.text)) for hit in hits]


def _measured(retriever: DenseRetriever, reranker: Known, way: Way, judged: Judged) -> System:
    pipeline = SearchPipeline(retriever, reranker, rerank_k=way.depth, cascade=way.cascade)
    return evaluate(pipeline, judged.queries, judged.qrels, measures=MEASURES).systems[-1]


def over_all(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return means over the collections for each way: the difference in nDCG@10, and times faster."""
    means: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(row.way for row in rows if row.difference is not None):
        own = [row for row in rows if row.way == name]
        differences = [row.difference.mean for row in own if row.difference is not None]
        means[name] = {
            "difference": float(np.mean(differences)),
            "worst_difference": float(min(differences)),
            "times_faster": float(np.exp(np.mean(np.log([row.times_faster for row in own])))),
        }
    return means


def ways_of(cascades: Sequence[str], depths: Sequence[int]) -> list[Way]:
    """Return the ways to compare; scoring all candidates comes first."""
    stages = [check_cascade(read_cascade(text) or ()) for text in cascades]
    named = [Way(", ".join(f"{keep} after layer {layer}" for layer, keep in cascade), cascade) for cascade in stages]
    return [Way(FULL, ()), *named, *[Way(f"the first {depth} alone", (), depth) for depth in depths]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--cascade", action="append", help="LAYER:CANDIDATES,...; may be given several times")
    parser.add_argument("--depth", type=int, action="append", help="a smaller rerank_k to compare with")
    parser.add_argument("--queries", type=int, help="at most so many queries of each collection, drawn at random")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--speed-queries", type=int, default=5, help="queries whose candidates are scored in a round")
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scratch", type=Path, help="folder that keeps the indexes for the next run")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.scratch])
    set_threads(arguments.threads)
    ways = ways_of(arguments.cascade or CASCADES, arguments.depth or DEPTHS)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.scratch or Path(scratch)
        folder.mkdir(exist_ok=True)
        bench = Bench(arguments, folder)
        for collection in arguments.folders:
            rows += bench.rows(collection.resolve(), ways)
            records = [asdict(row) for row in rows]
            print("", cascade_table(records), "", cascade_means_table(over_all(rows)), sep="\n", flush=True)
    report = header(arguments, how=HOW) | {"results": [asdict(row) for row in rows], "over_all": over_all(rows)}
    write(arguments.output, report)


if __name__ == "__main__":
    main()
