"""Service: the indexes and models of a server, and all work on them."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import BicrossError, IndexModelMismatch, ModelError
from ...index import Index, ModelFingerprint
from ...inference import Dtype, load_tokenizer, resolve_dtype, resolve_model
from ...rerank import LateInteractionReranker, Reranker, is_identified
from ..fast_reranker import open_fast_reranker
from ..models import open_encoder
from ..search import SearchOptions, SearchPipeline, SearchResult, Timings
from .batching import (
    Admission,
    BatchedEncoder,
    BatchedLateInteraction,
    BatchedReranker,
    ModelThread,
    about_tokens,
    batched_reranker,
)
from .http import ApiError
from .metrics import Metrics
from .model_options import ModelOptions
from .query_log import QueryLog
from .settings import ServerSettings
from .token_counter import TokenCounter

logger = logging.getLogger("bicross")

CANARY = "is the server ready?"
"""The query that every index must answer before the server says that it is ready."""
STORE_SECONDS = 30.0
"""How often a store is asked for a newer generation of an index that is served from there."""
SAMPLED_DOCUMENTS = 64
LONGEST_PASSAGE = 512
SPECIAL_TOKENS = 3


@dataclass(frozen=True, slots=True, eq=False)
class ServedIndex:
    """An index that is served.

    Attributes:
        name: Its name in requests.
        path: Its folder.
        pipeline: Searches it.
        encoder: Its encoder, which runs in the thread of the models.
        passage_tokens: About how many tokens a passage has.
        writing: Held while its documents are changed.
        url: Where it was opened from, if that is a store: it cannot be changed, and is looked at less often.
    """

    name: str
    path: Path
    pipeline: SearchPipeline
    encoder: BatchedEncoder
    passage_tokens: int
    writing: threading.Lock = field(default_factory=threading.Lock)
    url: str | None = None


class Service:
    """The indexes and models of a server. ``load`` makes it ready, ``stop`` ends it.

    Args:
        indexes: The open indexes by name; the first is the one of requests that name none.
        settings: The limits.
        models: What searches them.

    Raises:
        ArgumentError: The file for queries cannot be written.
    """

    def __init__(
        self, indexes: Mapping[str, Index], settings: ServerSettings, models: ModelOptions | None = None
    ) -> None:
        limits, workers = settings.limits, (models.reranker_workers if models else None) or 1
        self.settings = settings
        self.metrics = Metrics()
        self.query_log = None if settings.query_log is None else QueryLog(settings.query_log)
        self.thread = ModelThread(batch_tokens=limits.batch_tokens * workers, observe=self.metrics.batch)
        self.admission = Admission(
            limits.queue_tokens,
            limits.requests,
            seconds=limits.queue_seconds,
            pace=lambda: self.thread.pace,
        )
        self.pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="requests")
        self.reranker: BatchedReranker | None = None
        self._opened_reranker: Reranker | None = None
        self._counter: TokenCounter | None = None
        self._opened = dict(indexes)
        self._models = models or ModelOptions()
        self._served: dict[str, ServedIndex] = {}
        self._encoders: dict[ModelFingerprint, BatchedEncoder] = {}
        self._fast_rerankers: dict[str, BatchedLateInteraction] = {}
        self._loaded, self._ended = threading.Event(), threading.Event()
        self.metrics.watch(lambda: self.admission.tokens, lambda: self.admission.requests)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the indexes, the default first."""
        return tuple(self._opened)

    @property
    def reranker_name(self) -> str | None:
        """The name of the reranker; None without one."""
        model = self._models.reranker
        if model is None:
            return None
        return Path(model).name if isinstance(model, str | Path) and Path(model).exists() else str(model)

    @property
    def search_options(self) -> SearchOptions:
        """How it searches where a request does not say."""
        return self._models.search

    @property
    def ready(self) -> bool:
        """Whether all indexes have answered a query, and the server does not end."""
        return self._loaded.is_set() and not self.admission.stopping

    def load(self) -> None:
        """Load the models and let every index answer a query.

        Raises:
            BicrossError: A model is missing or does not fit its index.
        """
        models = self._models
        opened = self._opened_reranker = models.open_reranker()
        self.reranker = None if opened is None else batched_reranker(opened, self.thread)
        self._counter = self._count_as(self.reranker)
        for name, index in self._opened.items():
            encoder = self._encoder(index)
            pipeline = SearchPipeline.open(
                index,
                encoder=encoder,
                reranker=self.reranker,
                fast_reranker=self._fast_reranker(index),
                options=models.search,
                cache_mb=models.cache_mb if is_identified(self.reranker) else None,
            )
            served = ServedIndex(name, index.path, pipeline, encoder, _passage_tokens(index), url=index.url)
            pipeline.search(CANARY)
            self._served[name] = served
            self.metrics.generation(name, pipeline.generation or 0)
        self._loaded.set()

    def index(self, name: str | None = None) -> ServedIndex:
        """Return an index by its name; None is the first one.

        Raises:
            ApiError: There is none of that name, or the models are still loading.
        """
        if not self._loaded.is_set():
            raise ApiError(503, "loading", "the models are loading; try again soon", retry_after=1)
        if name is None:
            return self._served[next(iter(self._served))]
        if name not in self._served:
            raise ApiError(404, "unknown_index", "there is no index of that name; GET /v1/index lists them")
        return self._served[name]

    def text_reranker(self) -> BatchedReranker:
        """Return the reranker, for texts that a request brings along.

        Raises:
            ApiError: There is none, or it is still loading.
        """
        self.index()
        if self.reranker is None:
            raise ApiError(404, "no_reranker", "this server has no reranker")
        return self.reranker

    @property
    def counter(self) -> TokenCounter:
        """Counts tokens as the reranker does."""
        self.index()
        assert self._counter is not None
        return self._counter

    @property
    def dtype(self) -> Dtype:
        """What the models calculate in."""
        return resolve_dtype(self._models.dtype, self._models.device)

    def move(self, served: ServedIndex) -> None:
        """Move an index to its newest generation. On an error it stays where it is.

        Raises:
            BicrossError: The newest generation cannot be opened.
        """
        if served.pipeline.refresh():
            self.metrics.generation(served.name, served.pipeline.generation or 0)
            logger.info("%s moved to generation %s", served.name, served.pipeline.generation)

    def refresh(self, *, stores: bool = True) -> None:
        """Move every index to its newest generation. On an error, which is logged, an index stays where it is.

        Args:
            stores: Ask stores too, which takes longer and may cost money.
        """
        for served in list(self._served.values()):
            if served.url is not None and not stores:
                continue
            try:
                self.move(served)
            except (BicrossError, OSError) as error:
                self.metrics.refresh_failed(served.name)
                logger.warning("%s stays at generation %s: %s", served.name, served.pipeline.generation, error)

    def watch(self) -> None:
        """Look for newer generations until the service ends."""
        asked = time.monotonic()
        while not self._ended.wait(self.settings.refresh_seconds):
            is_time = time.monotonic() - asked >= STORE_SECONDS
            self.refresh(stores=is_time)
            if is_time:
                asked = time.monotonic()

    def searched(
        self,
        served: ServedIndex,
        queries: Sequence[str],
        answers: Sequence[Sequence[SearchResult]],
        timings: Timings,
        *,
        seconds: float,
    ) -> None:
        """Count what a search took, and log its queries where that is asked for.

        Args:
            served: The index.
            queries: All queries of the request.
            answers: The results of each.
            timings: What the pipeline measured.
            seconds: The whole time.
        """
        self.metrics.stage("retrieve", timings.retrieve_seconds)
        self.metrics.stage("rerank", timings.rerank_seconds)
        if self.query_log is not None:
            for query, results, depth in zip(queries, answers, timings.depths, strict=True):
                self.query_log.write(served.name, depth.generation, query, results, milliseconds=1000 * seconds)

    def stop(self) -> None:
        """Accept nothing more, and say so to those who ask whether the server is ready."""
        self.admission.stop()

    def close(self) -> None:
        """End all threads; what is not answered fails."""
        self.stop()
        self._ended.set()
        self.thread.close()
        self.pool.shutdown(wait=True, cancel_futures=True)
        close = getattr(self._opened_reranker, "close", None)
        if close is not None and self._opened_reranker is not self._models.reranker:
            close()
        if self.query_log is not None:
            self.query_log.close()

    def _count_as(self, reranker: object) -> TokenCounter:
        model, most = self._models.reranker, getattr(reranker, "max_length", LONGEST_PASSAGE)
        if not isinstance(model, str | Path) or not getattr(reranker, "tokenizer_fingerprint", ""):
            return TokenCounter(None, most, SPECIAL_TOKENS)
        tokenizer = load_tokenizer(resolve_model(model))
        return TokenCounter(tokenizer, most, tokenizer.special_tokens(pair=True))

    def _encoder(self, index: Index) -> BatchedEncoder:
        """Return the encoder of an index; one that several indexes were built with is loaded once."""
        if index.model not in self._encoders:
            models = self._models
            opened = open_encoder(index, models.encoder, device=models.device, dtype=models.dtype)
            self._encoders[index.model] = BatchedEncoder(opened, self.thread)
        return self._encoders[index.model]

    def _fast_reranker(self, index: Index) -> BatchedLateInteraction | None:
        """Return the model of an index's token vectors; None where it is not here, which the pipeline then says."""
        fingerprint, models = index.late_interaction_fingerprint, self._models
        if fingerprint and fingerprint not in self._fast_rerankers:
            try:
                opened = open_fast_reranker(index, device=models.device, dtype=models.dtype)
            except (ModelError, IndexModelMismatch):
                return None
            assert isinstance(opened, LateInteractionReranker)
            self._fast_rerankers[fingerprint] = BatchedLateInteraction(opened, self.thread)
        return self._fast_rerankers.get(fingerprint)


def _passage_tokens(index: Index) -> int:
    passages = [document.passage for document in index.sample(SAMPLED_DOCUMENTS)] if len(index) else [""]
    return max(1, sum(about_tokens(passage, LONGEST_PASSAGE) for passage in passages) // len(passages))
