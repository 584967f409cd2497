"""What the benchmarks of relevance share: models, scores that are kept, indexes, tunings and options."""

import argparse
import hashlib
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bicross.index import Chunking, Index, read_documents
from bicross.pipelines import Judged, SearchPipeline, Tuning, TuningOptions, build_index, evaluate, tune
from bicross.pipelines.commands.reports import plot_tuning
from bicross.pipelines.evaluation import System
from bicross.pipelines.models import open_reranker
from bicross.pipelines.progress import counting
from bicross.pipelines.search import IndexDefaults
from bicross.pipelines.search.scoring.score_cache import pair_key
from bicross.pipelines.tuning import Configuration
from bicross.rerank import (
    DEFAULT_RERANKER,
    Calibration,
    IdentifiedReranker,
    Pair,
    calibration_of,
    is_identified,
)
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder, HybridRetriever
from numpy.typing import NDArray

from parts.judged import TUNED_ON, Part
from parts.report_file import check_folders

MEASURES = ("nDCG@10", "RR@10", "R@100")
KEY, RECORD = 32, 36
"""Bytes of a pair's key, and of the key with its score in float32."""


@dataclass(frozen=True, slots=True)
class TunedOn:
    """The result of tuning, and the queries that it was tuned on."""

    part: Part
    tuning: Tuning

    def described(self, setting: Configuration) -> str:
        """Describe one of its settings in words, for a table."""
        first_stage = "dense" if setting.fusion is None else f"hybrid {setting.fusion}"
        depth = f"depth {setting.depth}, blend {setting.blend:g}" if setting.depth else "no reranker"
        return f"{first_stage}, {depth}; tuned on {self.part.collection} {self.part.split}"


class RememberedReranker:
    """Returns the scores of another reranker, and computes each of them once.

    Each file of ``folder`` belongs to one reranker with its weights, length limit and number format. Every call appends
    to it: after a kill the scores of all earlier calls are there.
    """

    def __init__(self, reranker: IdentifiedReranker, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._reranker = reranker
        self._path = folder / f"{hashlib.sha256(reranker.fingerprint.encode()).hexdigest()[:16]}.scores"
        self._path.touch()
        content = self._path.read_bytes()
        whole = len(content) // RECORD * RECORD  # a kill may have cut the last record
        with self._path.open("r+b") as file:
            file.truncate(whole)
        self._scores = {
            content[start : start + KEY]: np.frombuffer(content, "<f4", 1, start + KEY)[0]
            for start in range(0, whole, RECORD)
        }

    @property
    def blend(self) -> float:
        """That of the reranker."""
        return self._reranker.blend

    @property
    def calibration(self) -> Calibration | None:
        """That of the reranker; None if it has none."""
        return calibration_of(self._reranker)

    @property
    def fingerprint(self) -> str:
        """That of the reranker."""
        return self._reranker.fingerprint

    @property
    def model_fingerprint(self) -> str:
        """That of the reranker."""
        return self._reranker.model_fingerprint

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Return the logits of the reranker, shape (len(pairs),)."""
        keys = [pair_key(self.fingerprint, query, passage) for query, passage in pairs]
        missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._scores}
        if missing:
            logits = self._reranker.score(list(missing.values())).astype("<f4")
            with self._path.open("ab") as file:
                file.write(b"".join(key + logit.tobytes() for key, logit in zip(missing, logits, strict=True)))
            self._scores.update(zip(missing, logits, strict=True))
        return np.array([self._scores[key] for key in keys], np.float32)


class Bench:
    """The models, and a folder of indexes. Each index is built once."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.folder, self.options = folder, arguments
        self.encoder = BiEncoder(arguments.encoder, device=arguments.device)
        loaded = open_reranker(arguments.reranker, device=arguments.device, dtype=arguments.dtype)
        assert is_identified(loaded)
        remembered = None if arguments.scores is None else RememberedReranker(loaded, arguments.scores)
        self.reranker: IdentifiedReranker = remembered or loaded
        self._tuned: dict[Part, TunedOn] = {}

    def index(self, collection: Path, chunking: Chunking | None = None) -> Index:
        """Open or build the index of a collection, without token ids, so that pairs share a score cache.

        Args:
            collection: A BEIR folder.
            chunking: How documents are split; the index then has postings for BM25. None indexes whole documents.
        """
        path = self.folder / (collection.name + ("" if chunking else "-whole"))
        if not (path / "MANIFEST").exists():  # else it is left from a run that was stopped
            documents = read_documents(collection, on_error="skip", errors_path=self.folder / "errors.jsonl")
            how = {"encoder": self.encoder, "reranker": None, "chunking": chunking, "lexical": chunking is not None}
            build_index(documents, path, **how, resume=True, progress=True)
        return Index.open(path)

    def tuned(self, collection: Path, *, plots: Path | None = None, latency_queries: int = 0) -> TunedOn | None:
        """Tune on other queries than the measured ones; None where a collection has none.

        Args:
            collection: A BEIR folder, beside the one that has the other queries.
            plots: A folder for plots of the result.
            latency_queries: How many queries are timed at each depth.
        """
        data, part = collection.parent, TUNED_ON.get(collection.name)
        if part is None or not (data / part.collection).is_dir():
            return None
        if part not in self._tuned:
            options = TuningOptions(latency_queries=latency_queries, calibrate="platt", store=False)
            index, judged = self.index(data / part.collection, Chunking()), part.read(data, self.options.tuning_queries)
            with counting("Scoring candidates", shown=True) as count:
                result = tune(
                    index, judged, encoder=self.encoder, reranker=self.reranker, options=options, on_progress=count
                )
            self._tuned[part] = TunedOn(part, result)
            if plots is not None:
                plot_tuning(result, plots / f"{part.collection}-{part.split}")
        return self._tuned[part]

    @property
    def tunings(self) -> Mapping[Part, TunedOn]:
        """The tunings so far, by the queries that they were made on."""
        return self._tuned


def first_stage_of_new(index: Index, encoder: BiEncoder) -> HybridRetriever:
    """Return the first stage by which a new index is searched, whatever the settings of this one are."""
    default = IndexDefaults()
    return HybridRetriever(index, encoder, fusion=default.fusion, feedback=default.feedback)


def measured(pipeline: SearchPipeline, judged: Judged) -> tuple[System, ...]:
    """Evaluate the first stage, and the reranked order where there is a reranker."""
    with counting("Searching", shown=True) as count:
        return evaluate(pipeline, judged.queries, judged.qrels, measures=MEASURES, on_progress=count).systems


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that the benchmarks of relevance share."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--queries", type=int, help="at most so many queries of each collection, drawn at random")
    parser.add_argument("--tuning-queries", type=int, help="at most so many queries for tuning")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--dtype", default="float32", help="of the reranker; the first stage is always float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scratch", type=Path, help="folder that keeps the indexes for the next run")
    parser.add_argument("--scores", type=Path, help="folder that keeps the reranker's scores for the next run")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")


@contextmanager
def opened(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Generator[Bench]:
    """Open a bench in --scratch, or else in a temporary folder."""
    check_folders(parser, [arguments.output, arguments.scratch, arguments.scores])
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.scratch or Path(scratch)
        folder.mkdir(exist_ok=True)
        yield Bench(arguments, folder)
