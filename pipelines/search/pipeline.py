"""SearchPipeline: stage one retrieves candidates, stage two re-sorts them, in time. Knows no model and no score."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, PipelineClosed
from ...index import Predicate
from ...inference import Dtype
from ...rerank import DEFAULT_RERANKER, Calibration, Cascade, Reranker
from ...retrieval import Encoder, Retriever
from ..models import FirstStage
from .opening import Models, Wanted, open_stages
from .options import DEFAULT_K, MAX_RETRIEVE_K, Cutoffs, RerankK, check_deadline, check_queries, check_relevance
from .scoring import (
    Deadline,
    PassageScoring,
    Scales,
    ScoreCache,
    ScoredCandidates,
    SearchResult,
    StopRule,
    at_least,
    cascade_settings,
    fit_stop_rule,
    order,
)
from .stages import Limits, Stages
from .timings import Depth, Timings

logger = logging.getLogger("bicross")

QUERIES_AT_ONCE = 32


class SearchPipeline:
    """Chains a retriever and a reranker; ``reranker=None`` is stage one alone. Any number of threads may search.

    ``retrieve_k`` documents are retrieved, the first ``rerank_k`` of them are read by the reranker, and the best
    ``top_k`` are returned; with ``rerank_k="auto"`` a ``stop_rule`` ends the reading of each query. ``blend`` is the
    weight of the reranker's score against stage one's, both standardised within the candidates of a query that were
    read, or, with a rule, within all as it foresees them; None takes what the reranker says, 1.0 is the reranker alone.
    ``calibration`` makes the relevance of results from logits, and results of less than ``min_relevance`` are left out.
    ``passages`` says what of a document the reranker reads: the "best" by stage one, the "first", or several, of which
    the highest logit ("max") or the "mean" counts. With ``adaptive``, documents that are near to good candidates are
    read within ``rerank_k`` too. ``cascade`` [(3, 30), (4, 10)] reads on with the best 30 of a query after layer 3 of
    the reranker, and with the best 10 after layer 4: they come first, then what stopped last. ``cache`` remembers
    logits of repeated pairs. ``clock`` gives seconds.
    """

    def __init__(  # noqa: PLR0913 - each argument has a default
        self,
        retriever: Retriever,
        reranker: Reranker | None,
        *,
        retrieve_k: int = DEFAULT_K,
        rerank_k: RerankK = DEFAULT_K,
        top_k: int = 10,
        blend: float | None = None,
        stop_rule: StopRule | None = None,
        calibration: Calibration | None = None,
        min_relevance: float | None = None,
        passages: PassageScoring = "best",
        adaptive: bool = False,
        cascade: Cascade | None = None,
        cache: ScoreCache | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.cutoffs = Cutoffs(retrieve_k, rerank_k, top_k)
        if blend is not None and not 0.0 <= blend <= 1.0:
            raise ArgumentError(f"blend must be a number from 0 to 1, not {blend!r}")
        self.blend = blend if blend is not None else 1.0 if reranker is None else reranker.blend
        known = cascade_settings(cascade, reranker, self.blend)
        stages = Stages(retriever, reranker, passages=passages, adaptive=adaptive, cascade=known, cache=cache)
        self._parts: Stages | None = stages
        self.stop_rule = stop_rule
        if reranker is not None and stop_rule is not None and stop_rule.blend != self.blend:
            raise ArgumentError(
                f"the stop rule was fitted for blend={stop_rule.blend}, and the pipeline has blend={self.blend}: "
                "fit one with SearchPipeline.fit_stop_rule"
            )
        stages.require_rule(rerank_k, stop_rule)
        self.calibration = calibration
        self.min_relevance = min_relevance
        _check_relevance(min_relevance, reranker)
        self.cache = cache
        self._clock = clock

    @classmethod
    def open(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
        cls,
        path: str | Path,
        *,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        dtype: Dtype = "float32",
        retrieve_k: int | None = None,
        rerank_k: RerankK | None = None,
        top_k: int = 10,
        blend: float | None = None,
        first_stage: FirstStage | None = None,
        stop_rule: StopRule | None = None,
        min_relevance: float | None = None,
        passages: PassageScoring = "best",
        adaptive: bool = False,
        cascade: Cascade | None = None,
        cache_mb: float | None = None,
    ) -> "SearchPipeline":
        """Open an index with its models, and with what ``bicross tune`` stored in it for this reranker.

        ``encoder=None`` is the one that the index was built with, if it is on this machine: an index alone never causes
        a download. ``dtype`` is that of models given by name. ``retrieve_k``, ``rerank_k``, ``blend`` and
        ``first_stage`` ("dense", "lexical" or "hybrid") are as tuned unless they are given; where nothing was tuned,
        100, 100, the reranker's own, and "dense". Where tuning found the reranker not worth using, there is none unless
        ``rerank_k`` is given. ``rerank_k="auto"`` takes the stored stop rule, or ``stop_rule``. ``cache_mb`` million
        bytes remember scores of repeated pairs. Raises ``IndexModelMismatch`` for another encoder, ``IndexCorrupt`` for
        bad settings.
        """
        # A mistake here should not first cost the loading of two models.
        Cutoffs(MAX_RETRIEVE_K if retrieve_k is None else retrieve_k, 1 if rerank_k is None else rerank_k, top_k)
        check_relevance(min_relevance)
        cache = None if cache_mb is None else ScoreCache.of_megabytes(cache_mb)
        wanted = Wanted(retrieve_k, rerank_k, blend, first_stage, stop_rule, passages, cascade)
        opened = open_stages(path, Models(encoder, reranker, device, dtype), wanted)
        return cls(
            opened.retriever,
            opened.reranker,
            retrieve_k=opened.retrieve_k,
            rerank_k=opened.rerank_k,
            top_k=top_k,
            blend=opened.blend,
            stop_rule=opened.stop_rule,
            calibration=opened.calibration,
            min_relevance=min_relevance,
            passages=passages,
            adaptive=adaptive,
            cascade=cascade,
            cache=cache,
        )

    @property
    def retriever(self) -> Retriever:
        """Stage one. Raises ``PipelineClosed`` after ``close``, as every search does."""
        return self._open_parts().retriever

    @property
    def reranker(self) -> Reranker | None:
        """Stage two, if there is one."""
        return self._open_parts().reranker

    @property
    def adaptive(self) -> bool:
        """Whether neighbours of good candidates are read too."""
        return self._open_parts().adaptive

    def close(self) -> None:
        """Let go of the index, the models and the cache. Searches under way finish; closing twice is fine."""
        self._parts = self.cache = None

    def __enter__(self) -> Self:
        self._open_parts()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def search(  # noqa: PLR0913 - each argument has a default
        self,
        query: str,
        *,
        top_k: int | None = None,
        retrieve_k: int | None = None,
        rerank_k: RerankK | None = None,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        min_relevance: float | None = None,
    ) -> list[SearchResult]:
        """The best documents for one query; see ``search_batch``."""
        [results] = self.search_batch(
            [query],
            top_k=top_k,
            retrieve_k=retrieve_k,
            rerank_k=rerank_k,
            where=where,
            deadline_ms=deadline_ms,
            min_relevance=min_relevance,
        )
        return results

    def search_batch(  # noqa: PLR0913 - each argument has a default
        self,
        queries: Sequence[str],
        *,
        top_k: int | None = None,
        retrieve_k: int | None = None,
        rerank_k: RerankK | None = None,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        min_relevance: float | None = None,
        timings: Timings | None = None,
    ) -> list[list[SearchResult]]:
        """The best documents for each query, best first; fewer than ``top_k`` where the index has fewer.

        ``where`` restricts the search to documents whose metadata match it: ``"year >= 2020 and source == 'pubmed'"``,
        or an Arrow compute expression.
        Each k that is given replaces the pipeline's own for this call; where only ``retrieve_k`` is given and is
        smaller than the pipeline's other two, these follow it. Equal scores keep the order of stage one.
        ``deadline_ms`` after the start of the call reading ends, and what was not read follows what was, in the order
        of stage one; all queries of the batch are read to about the same depth. Stage one is never cut short, and the
        pairs with which the pace is measured, or a machine that becomes more than twice as slow, may end late.
        ``min_relevance`` leaves out what has less, after everything was ranked, and before ``top_k`` are taken; what
        was not read has no relevance and is left out too. Raises ``QueryError`` for a query that is blank, too long or
        not text, and ``ArgumentError`` for an impossible k.
        """
        parts, started = self._open_parts(), self._clock()
        cutoffs = self.cutoffs.replaced(retrieve_k, rerank_k, top_k)
        check_deadline(deadline_ms)
        check_queries(queries)
        least = self.min_relevance if min_relevance is None else min_relevance
        _check_relevance(least, parts.reranker)
        parts.require_rule(cutoffs.rerank_k, self.stop_rule)
        deadline = None if deadline_ms is None else Deadline(started + deadline_ms / 1000.0, self._clock)
        candidates, tokenizer = parts.retrieve(queries, cutoffs.retrieve_k, where)
        retrieved = self._clock()
        rule = self.stop_rule if cutoffs.rerank_k == "auto" else None
        enough = None if rule is None else partial(rule.enough, k=cutoffs.top_k)
        limits = Limits(cutoffs.depth if parts.reranker else 0, deadline, enough)
        read = parts.read(queries, candidates, limits, tokenizer=tokenizer, where=where)
        depths = [_depth(one, limits.depth) for one in read]
        _log_deadline(deadline_ms, depths)
        if timings is not None:
            timings.add(depths, retrieve_seconds=retrieved - started, rerank_seconds=self._clock() - retrieved)
        answers = [
            order(one, self.blend, scales=_scales(rule, one, limits.depth), calibration=self.calibration)
            for one in read
        ]
        return [(results if least is None else at_least(results, least))[: cutoffs.top_k] for results in answers]

    def fit_stop_rule(self, queries: Sequence[str], *, risk: float = 0.05) -> StopRule:
        """A rule for ``rerank_k="auto"`` of a pipeline like this one, from queries like those to come.

        Reads all candidates of each. ``risk`` is the share of the best ``top_k`` that a search may miss, averaged over
        queries; a hundred queries or more are a good number.
        """
        if self.reranker is None:
            raise ArgumentError("a pipeline without a reranker reads nothing: there is no rule to fit")
        if self._open_parts().cascade is not None:
            raise ArgumentError("a rule is fitted to logits of the whole reranker: use a pipeline without a cascade")
        depth, retrieval, logits = self.cutoffs.retrieve_k, list[NDArray[np.float64]](), list[NDArray[np.float64]]()
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            some = queries[start : start + QUERIES_AT_ONCE]
            for results in self.search_batch(some, top_k=depth, rerank_k=depth, min_relevance=0.0):
                ranked = sorted(results, key=lambda result: result.retrieval_rank)
                retrieval.append(np.array([result.retrieval_score for result in ranked]))
                logits.append(np.array([result.logit for result in ranked], np.float64))
        return fit_stop_rule(retrieval, logits, risk=risk, k=self.cutoffs.top_k, blend=self.blend)

    def _open_parts(self) -> Stages:
        parts = self._parts
        if parts is None:
            raise PipelineClosed("this pipeline was closed; open another one to search")
        return parts


def _scales(rule: StopRule | None, known: ScoredCandidates, depth: int) -> Scales | None:
    """What a blend is measured by where a rule can say what all candidates would have given."""
    hits = known.hits[:depth]
    if rule is None or not 0 < len(known.logits) < len(hits):
        return None
    return rule.scales(np.array([hit.score for hit in hits], np.float64), known.logits.astype(np.float64))


def _depth(known: ScoredCandidates, depth: int) -> Depth:
    read = len(known.logits)
    return Depth(read, max(read, min(depth, len(known.hits))))


def _check_relevance(min_relevance: float | None, reranker: Reranker | None) -> None:
    check_relevance(min_relevance)
    if min_relevance is not None and reranker is None:
        raise ArgumentError(
            f"min_relevance={min_relevance} needs a reranker, which alone says how relevant a result is: "
            "search with one, and where tuning switched it off, give rerank_k"
        )


def _log_deadline(deadline_ms: float | None, depths: Sequence[Depth]) -> None:
    read, candidates = sum(depth.reranked for depth in depths), sum(depth.candidates for depth in depths)
    if deadline_ms is not None and read < candidates:
        logger.info("deadline of %g ms: %d of %d candidates were reranked", deadline_ms, read, candidates)
