"""What the benchmarks of relevance share: models, indexes, tunings, options and cells. Knows no table and no target."""

import argparse
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bicross.index import Chunking, Index, read_documents
from bicross.pipelines import Judged, SearchPipeline, Tuning, TuningOptions, build_index, evaluate, tune
from bicross.pipelines.commands.reports import plot_tuning
from bicross.pipelines.evaluation import System
from bicross.pipelines.tuning import Configuration
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker, IdentifiedReranker
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder

from parts.quality_parts import TUNED_ON, Part
from parts.remembered import RememberedReranker
from parts.report_file import check_folders

MEASURES = ("nDCG@10", "RR@10", "R@100")


@dataclass(frozen=True, slots=True)
class TunedOn:
    """What tuning found, and the queries that it was given."""

    part: Part
    tuning: Tuning

    def described(self, setting: Configuration) -> str:
        """One of its settings in words, for a table."""
        stage_one = "dense" if setting.fusion is None else f"hybrid {setting.fusion}"
        depth = f"depth {setting.depth}, blend {setting.blend:g}" if setting.depth else "no reranker"
        return f"{stage_one}, {depth}; tuned on {self.part.collection} {self.part.split}"


class Bench:
    """The models, and a folder of indexes, each of which is built once."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.folder, self.options = folder, arguments
        self.encoder = BiEncoder(arguments.encoder, device=arguments.device)
        loaded = CrossEncoderReranker(arguments.reranker, device=arguments.device, dtype=arguments.dtype)
        remembered = None if arguments.scores is None else RememberedReranker(loaded, arguments.scores)
        self.reranker: IdentifiedReranker = remembered or loaded
        self._tuned: dict[Part, TunedOn] = {}

    def index(self, collection: Path, chunking: Chunking | None = None) -> Index:
        """Of passages with their terms, or of whole documents. Without token ids, so that pairs share a cache."""
        path = self.folder / (collection.name + ("" if chunking else "-whole"))
        if not (path / "MANIFEST").exists():  # it may be left of a run that was stopped
            documents = read_documents(collection, on_error="skip", errors_path=self.folder / "errors.jsonl")
            how = {"encoder": self.encoder, "reranker": None, "chunking": chunking, "lexical": chunking is not None}
            build_index(documents, path, **how, resume=True, progress=True)
        return Index.open(path)

    def tuned(self, collection: Path, *, plots: Path | None = None, latency_queries: int = 0) -> TunedOn | None:
        """What tuning finds on other queries, with plots of it where they are asked for; None where there are none."""
        data, part = collection.parent, TUNED_ON.get(collection.name)
        if part is None or not (data / part.collection).is_dir():
            return None
        if part not in self._tuned:
            options = TuningOptions(latency_queries=latency_queries, calibrate="platt", store=False, progress=True)
            index, judged = self.index(data / part.collection, Chunking()), part.read(data, self.options.tuning_queries)
            found = tune(index, judged, encoder=self.encoder, reranker=self.reranker, options=options)
            self._tuned[part] = TunedOn(part, found)
            if plots is not None:
                plot_tuning(found, plots / f"{part.collection}-{part.split}")
        return self._tuned[part]

    @property
    def tunings(self) -> Mapping[Part, TunedOn]:
        """Those that were made, by what they were made on."""
        return self._tuned


def measured(pipeline: SearchPipeline, judged: Judged) -> tuple[System, ...]:
    """Stage one, and the reranked order where there is one."""
    return evaluate(pipeline, judged.queries, judged.qrels, measures=MEASURES, progress=True).systems


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those that the benchmarks of relevance share."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--queries", type=int, help="of each collection at most so many, drawn at random")
    parser.add_argument("--tuning-queries", type=int, help="of what tunes at most so many")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--dtype", default="float32", help="of the reranker; stage one is always float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scratch", type=Path, help="keep indexes here, for the next run")
    parser.add_argument("--scores", type=Path, help="keep the reranker's scores here, for the next run")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")


@contextmanager
def opened(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Generator[Bench]:
    """A bench in the folder that was asked for, or in one that is gone afterwards."""
    check_folders(parser, [arguments.output, arguments.scratch, arguments.scores])
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.scratch or Path(scratch)
        folder.mkdir(exist_ok=True)
        yield Bench(arguments, folder)
