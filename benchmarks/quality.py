"""How well does each way of searching rank? Judged collections, beside published figures, with significance.

Usage: python benchmarks/quality.py FOLDER... [--queries N] [--dtype bfloat16] [--plots FOLDER] [--output FILE.json]

Each FOLDER is a BEIR folder. A row each: stage one on whole documents, where there are published figures for that;
BM25, vectors and both fused, on passages; each of them reranked by default; and what tuning recommends from other
queries, where quality_parts.py knows such. Takes hours on two cores with all queries of the five shared collections.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bicross.index import Chunking, Index, read_documents
from bicross.pipelines import Judged, ScoreCache, SearchPipeline, Tuning, TuningOptions, build_index, evaluate, tune
from bicross.pipelines.evaluation import Difference, Estimate, System, compare
from bicross.pipelines.long_documents import passages_needed
from bicross.pipelines.plots import plot_tuning
from bicross.pipelines.settings import Tuned, store
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder, DenseRetriever, HybridRetriever, LexicalRetriever, Retriever
from quality_parts import TUNED_ON, Part, measured_part
from speed_report import check_folders, header, markdown, write

MEASURES = ("nDCG@10", "RR@10", "R@100")
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
reranker of the same size that was trained on a thousand times the data. The first is met where texts are encoded as
they should be."""
CACHE_MEGABYTES = 500
SIGNIFICANT = 0.05
HOW = (
    "Passages of bicross's default size, but for the first row. The difference is that in nDCG@10 to stage one by "
    "vectors, with its 95 % bootstrap interval; * marks p < 0.05 in the paired randomisation test, of which nothing "
    "corrects for the number of tests."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One way of searching one collection, with ``settings`` that are not the default."""

    collection: str
    system: str
    queries: int
    means: Mapping[str, Estimate]
    difference: Difference | None
    published: float | None
    settings: str = ""


class Bench:
    """The models, and a folder of indexes, each of which is built once."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.folder, self.options = folder, arguments
        self.encoder = BiEncoder(arguments.encoder, device=arguments.device)
        self.reranker = CrossEncoderReranker(arguments.reranker, device=arguments.device, dtype=arguments.dtype)
        self._tuned: dict[Part, Tuning] = {}

    def index(self, collection: Path, chunking: Chunking | None = None) -> Index:
        """Of passages with their terms, or of whole documents. Without token ids, so that pairs share a cache."""
        path = self.folder / (collection.name + ("" if chunking else "-whole"))
        if not (path / "MANIFEST").exists():  # it may be left of a run that was stopped
            documents = read_documents(collection, on_error="skip", errors_path=self.folder / "errors.jsonl")
            how = {"encoder": self.encoder, "reranker": None, "chunking": chunking, "lexical": chunking is not None}
            build_index(documents, path, **how, resume=True, progress=True)
        return Index.open(path)

    def rows(self, collection: Path) -> Iterator[Row]:
        """All systems on the test queries of one collection."""
        judged = measured_part(collection.name).read(collection.parent, self.options.queries)
        systems: dict[str, System] = {}
        if (collection.name, WHOLE) in PUBLISHED:
            whole = SearchPipeline(DenseRetriever(self.index(collection), self.encoder), None)
            [systems[WHOLE]] = _measured(whole, judged)
        index, cache = self.index(collection, Chunking()), ScoreCache.of_megabytes(CACHE_MEGABYTES)
        stages: dict[str, Retriever] = {
            "BM25": LexicalRetriever(index),
            BASELINE: DenseRetriever(index, self.encoder),
            "hybrid": HybridRetriever(index, self.encoder),
        }
        for name, retriever in stages.items():
            pipeline = SearchPipeline(retriever, self.reranker, cache=cache)
            systems[name], systems[f"{name}, reranked"] = _measured(pipeline, judged)
        adaptive = SearchPipeline(stages[BASELINE], self.reranker, adaptive=True, cache=cache)
        systems[f"{BASELINE}, reranked, adaptive"] = _measured(adaptive, judged)[-1]
        for passages in ("first", "max", "mean") if self.options.long_documents else ():
            several = DenseRetriever(index, self.encoder, passages=passages_needed(passages))
            pipeline = SearchPipeline(several, self.reranker, passages=passages, cache=cache)
            systems[f"{BASELINE}, reranked, {passages} passage"] = _measured(pipeline, judged)[-1]
        settings = {name: f"blend {self.reranker.blend:g}" for name in systems if "reranked" in name}
        part = TUNED_ON.get(collection.name)
        if part is not None and (collection.parent / part.collection).is_dir():
            tuning = self.tuning(collection.parent, part)
            store(index, tuning.tuned)
            tuned = SearchPipeline.open(index.path, encoder=self.encoder, reranker=self.reranker)
            systems["tuned"], settings["tuned"] = _measured(tuned, judged)[-1], described(tuning.tuned, part)
        for name, system in systems.items():
            [difference, *_] = compare(systems[BASELINE], system, judged.queries).differences
            shown = None if name == BASELINE else difference
            published = PUBLISHED.get((collection.name, name))
            yield Row(
                collection.name, name, len(judged.queries), system.means, shown, published, settings.get(name, "")
            )

    def tuning(self, data: Path, part: Part) -> Tuning:
        """What tuning finds, with plots of it where they are asked for."""
        if part not in self._tuned:
            timed = self.options.latency_queries
            options = TuningOptions(latency_queries=timed, calibrate="platt", store=False, progress=True)
            index, judged = self.index(data / part.collection, Chunking()), part.read(data, self.options.tuning_queries)
            found = tune(index, judged, encoder=self.encoder, reranker=self.reranker, options=options)
            self._tuned[part] = found
            if self.options.plots is not None:
                plot_tuning(found, self.options.plots / f"{part.collection}-{part.split}")
        return self._tuned[part]

    def calibrations(self) -> list[dict[str, object]]:
        """Expected calibration error before and after, on queries that the calibration was not fitted to."""
        known = [(part, tuning.calibrated) for part, tuning in self._tuned.items()]
        return [
            {"collection": part.collection, "split": part.split, "before": one.ece_before, "after": one.ece_after}
            for part, one in known
            if one is not None
        ]


def _measured(pipeline: SearchPipeline, judged: Judged) -> tuple[System, ...]:
    """Stage one, and the reranked order where there is one."""
    return evaluate(pipeline, judged.queries, judged.qrels, measures=MEASURES, progress=True).systems


def described(tuned: Tuned, part: Part) -> str:
    """In words, for the table."""
    fusion = "" if tuned.fusion is None else f" {tuned.fusion}"
    depth = f"depth {tuned.rerank_k}, blend {tuned.blend:g}" if tuned.rerank_k else "no reranker"
    return f"{tuned.stage_one}{fusion}, {depth}; tuned on {part.collection} {part.split}"


def quality_table(rows: Sequence[Row]) -> str:
    columns = ["collection", "", *MEASURES, "difference", "published", "settings"]
    lines: list[list[object]] = []
    for row in rows:
        difference = row.difference
        shown = ""
        if difference is not None:
            mark = "*" if difference.p_value < SIGNIFICANT else ""
            shown = f"{difference.mean:+.4f}{mark} ({difference.low:+.4f} to {difference.high:+.4f})"
        published = "" if row.published is None else f"{row.published:.4f}"
        means = [f"{row.means[name].mean:.4f}" for name in MEASURES]
        lines.append([row.collection, row.system, *means, shown, published, row.settings])
    return f"\n{markdown(columns, lines)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--queries", type=int, help="of each collection at most so many, drawn at random")
    parser.add_argument("--tuning-queries", type=int, help="of what tunes at most so many")
    parser.add_argument("--latency-queries", type=int, default=0, help="time so many at each depth, for the plots")
    parser.add_argument("--long-documents", action="store_true", help="rerank by the first and by several passages too")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--dtype", default="float32", help="of the reranker; stage one is always float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scratch", type=Path, help="keep indexes here, for the next run")
    parser.add_argument("--plots", type=Path, help="draw what tuning found into this folder")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.plots, arguments.scratch])
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.scratch or Path(scratch)
        folder.mkdir(exist_ok=True)
        bench = Bench(arguments, folder)
        for collection in arguments.folders:
            rows += bench.rows(collection.resolve())
            print(quality_table(rows), flush=True)
        report = header(arguments, how=HOW) | {
            "results": [asdict(row) for row in rows],
            "calibration": bench.calibrations(),
        }
    write(arguments.output, report)


if __name__ == "__main__":
    main()
