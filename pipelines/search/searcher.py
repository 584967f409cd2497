"""Searcher: a retriever, a reranker and settings that fit each other, and how one search runs through both stages."""

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from ...errors import ArgumentError
from ...index import Coverage, Hit, Predicate
from ...rerank import cutting_queries
from ...retrieval import Explorer, Retriever, can_explore, can_explore_candidates, has_index, pinned
from ..unknown_tokens import WORTH_A_WARNING, relevance_ceiling, unknown_share, warn_of_query
from .given_parts import check_retriever_fits, late_interaction_fingerprint, tokenizer_fingerprint
from .long_queries import fit_queries
from .opening import Stages
from .scoring import (
    CandidateScorer,
    Deadline,
    Enough,
    LateInteractionExplorer,
    RelevanceCurves,
    Scales,
    ScoreCache,
    ScoredCandidates,
    SearchResult,
    StopRule,
    at_least,
    by_passages,
    order_results,
    require_cascade_reranker,
    score_adaptively,
    score_in_cascade,
    score_until_deadline,
    sort_by_late_interaction,
    with_stages,
)
from .settings import Settings
from .timings import Depth, Timings, require_coverage_shown

MEASURED_CANDIDATES = 3
"""Candidates of which is measured how much the models know."""

Value = TypeVar("Value")

logger = logging.getLogger("bicross")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits at which the reranking of a query ends: ``depth`` documents, a deadline, or a stop rule."""

    depth: int
    deadline: Deadline | None = None
    enough: Enough | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What the first stage found for the queries of a search.

    Attributes:
        retriever: The retriever, on the generation of the candidates.
        candidates: The hits of each query.
        tokenizer: Fingerprint of the tokenizer that made their token ids; empty where these are not to be used.
        generation: The generation; None where the retriever has no index, or may have left the generation.
        explorer: What finds the neighbours of candidates, where the first stage made it together with these.
    """

    retriever: Retriever
    candidates: Sequence[Sequence[Hit]]
    tokenizer: str
    generation: int | None
    explorer: Explorer | None = None


class Searcher:
    """Runs searches with a retriever and a reranker, on one generation of an index.

    A pipeline has one until it is closed or refreshed; a running search keeps the one that it began with.

    Attributes:
        settings: The settings that the pipeline has, which a search may replace.
        generation: The generation of the index when this was made; None without an index.
    """

    def __init__(
        self, stages: Stages, *, cache: ScoreCache | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.stages = stages
        self.retriever = retriever = stages.retriever
        self.reranker = reranker = stages.reranker
        self.settings = settings = stages.settings
        options = settings.options
        self.generation = _generation(retriever)
        check_retriever_fits(retriever, options)
        require_cascade_reranker(options.cascade, reranker)
        rule = options.stop_rule
        if reranker is not None and rule is not None and rule.blend != settings.blend:
            raise ArgumentError(
                f"the stop rule was fitted for blend={rule.blend}, and the pipeline has blend={settings.blend}: "
                "fit one with SearchPipeline.fit_stop_rule"
            )
        self.check(settings)
        self._scorer = None
        if reranker is not None:
            scoring = cutting_queries(reranker) if options.long_queries == "cut" else reranker
            self._scorer = CandidateScorer(scoring, cache=cache)
        self._fast_scorer = None
        if (fast := stages.fast_reranker) is not None and options.late_interaction:
            self._fast_scorer = CandidateScorer(cutting_queries(fast))  # the reranker says what is too long
        self._clock = clock
        self._warned = False  # of unknown words

    def check(self, settings: Settings) -> None:
        """Check that there is everything that a search with these settings needs.

        Raises:
            ArgumentError: Something is missing.
        """
        options = settings.options
        if settings.given.rerank and self.reranker is None:
            raise ArgumentError("rerank=True needs a reranker, and the pipeline has none: give one")
        if options.rerank_k != "auto" or self.reranker is None:
            return
        if options.adaptive:
            raise ArgumentError('rerank_k="auto" cannot be combined with adaptive=True: give a number')
        if options.cascade:
            raise ArgumentError('rerank_k="auto" cannot be combined with a cascade: give a number')
        settings.require_stop_rule()

    def search(
        self,
        queries: Sequence[str],
        settings: Settings,
        *,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        timings: Timings | None = None,
        allow_partial: bool = False,
    ) -> list[list[SearchResult]]:
        """Retrieve, score and order; see ``SearchPipeline.search_batch``. The settings are checked by the caller."""
        options = settings.options
        started = self._clock()
        fitting = fit_queries(queries, options.long_queries, self.reranker if options.depth else None)
        queries = [query for query in fitting if query is not None]
        deadline = None if deadline_ms is None else Deadline(started + deadline_ms / 1000.0, self._clock)
        first_stage = self._retrieve(queries, options.candidates, where, allow_partial=allow_partial)
        retrieved = self._clock()
        rule = options.stop_rule if options.rerank_k == "auto" else None
        enough = None if rule is None else partial(rule.enough, k=options.results)
        limits = Limits(options.depth, deadline, enough)
        scored = self._score(first_stage, queries, limits)
        generation, coverage = first_stage.generation, _coverage(first_stage.retriever)
        depths = [_depth(one_query, limits.depth, generation, coverage) for one_query in scored]
        _log_deadline(deadline_ms, depths)
        if timings is not None:
            skipped = Depth(0, 0, generation=generation, skipped=True, coverage=coverage)
            depths = _for_all(fitting, depths, skipped)
            timings.add(depths, retrieve_seconds=retrieved - started, rerank_seconds=self._clock() - retrieved)
        least = options.min_relevance
        answers = [
            order_results(one_query, settings.blend, scales=_scales(rule, one_query, limits.depth), curves=curves)
            for one_query, curves in zip(scored, self._curves(queries, first_stage, settings), strict=True)
        ]
        if timings is not None and timings.orders is not None:
            timings.orders += _for_all(fitting, answers, [])
        cut = [(results if least is None else at_least(results, least))[: options.results] for results in answers]
        staged = [
            with_stages(results, one_query, blend=settings.blend)
            for results, one_query in zip(cut, scored, strict=True)
        ]
        if timings is None:
            require_coverage_shown(coverage, staged)
        stamped = [
            [dataclasses.replace(result, generation=generation, coverage=coverage) for result in results]
            for results in staged
        ]
        return [list(results) for results in _for_all(fitting, stamped, [])]

    def _curves(self, queries: Sequence[str], first_stage: Retrieved, settings: Settings) -> list[RelevanceCurves]:
        """Return what makes the relevance of each query's results, with a ceiling where the models know few words."""
        options, own = settings.options, settings.origin("calibration") == "the reranker's"
        model = self.reranker if options.depth else getattr(first_stage.retriever, "encoder", None)
        curves: list[RelevanceCurves] = []
        for query, hits in zip(queries, first_stage.candidates, strict=True):
            best = [hit.passage.text for hit in hits[:MEASURED_CANDIDATES]]
            share = max(unknown_share(model, [query]), unknown_share(model, best))
            if share >= WORTH_A_WARNING and not self._warned:
                self._warned = True
                warn_of_query(share, query)
            ceiling = relevance_ceiling(share)
            curves.append(RelevanceCurves(options.calibration, options.first_stage_calibration, ceiling, own))
        return curves

    def _retrieve(
        self, queries: Sequence[str], k: int, where: Predicate | None, *, allow_partial: bool = False
    ) -> Retrieved:
        """Retrieve candidates from one generation, with which the search goes on, whatever else moves the index."""
        retriever = pinned(self.retriever)
        if allow_partial and has_index(retriever):
            retriever = retriever.over(retriever.index.partial())
        generation, tokenizer = _generation(retriever), tokenizer_fingerprint(retriever)
        explorer = None
        if queries and self.settings.options.adaptive and can_explore_candidates(retriever):
            candidates, explorer = retriever.retrieve_and_explore(queries, k, where=where)
        else:
            candidates = retriever.retrieve(queries, k, where=where) if queries else []
            if queries and self._scorer is not None and self.settings.options.adaptive and can_explore(retriever):
                explorer = retriever.explorer(queries, where=where)
        if queries and self._fast_scorer is not None:
            candidates, explorer = self._sorted(queries, candidates, explorer, retriever)
        # One that cannot be pinned may have moved meanwhile, and another tokenizer may have made its token ids.
        return Retrieved(
            retriever,
            candidates,
            tokenizer if tokenizer == tokenizer_fingerprint(retriever) else "",
            generation if generation == _generation(retriever) else None,
            explorer,
        )

    def _sorted(
        self,
        queries: Sequence[str],
        candidates: Sequence[Sequence[Hit]],
        explorer: Explorer | None,
        retriever: Retriever,
    ) -> tuple[list[list[Hit]], Explorer | None]:
        """Sort candidates by late interaction, and have the explorer score neighbours in the same way."""
        fast, scorer = self.stages.fast_reranker, self._fast_scorer
        assert fast is not None and scorer is not None
        score = partial(scorer.score, late_interaction=late_interaction_fingerprint(retriever))
        ordered, scales = sort_by_late_interaction(queries, candidates, score, blend=fast.blend)
        return ordered, explorer and LateInteractionExplorer(explorer, queries, score, scales)

    def _score(self, first_stage: Retrieved, queries: Sequence[str], limits: Limits) -> list[ScoredCandidates]:
        """Score the first candidates of each query, or, where this is adaptive, also their neighbours."""
        candidates, tokenizer = first_stage.candidates, first_stage.tokenizer
        if self._scorer is None or not limits.depth:
            return [ScoredCandidates.in_order(hits, np.empty(0, np.float32)) for hits in candidates]
        options = self.settings.options
        first = [hits[: limits.depth] for hits in candidates]
        if options.cascade:
            scored = score_in_cascade(
                self._scorer,
                options.cascade,
                queries,
                first,
                blend=self.settings.blend,
                tokenizer=tokenizer,
                deadline=limits.deadline,
            )
            return [ScoredCandidates.in_order(hits, *logits) for hits, logits in zip(candidates, scored, strict=True)]
        late_interaction = late_interaction_fingerprint(first_stage.retriever)
        score = partial(self._scorer.score, tokenizer=tokenizer, late_interaction=late_interaction)
        score = by_passages(score, options.passages)
        if (explorer := first_stage.explorer) is not None:
            return score_adaptively(queries, candidates, score, explorer, depth=limits.depth, deadline=limits.deadline)
        logits = score_until_deadline(queries, first, score, deadline=limits.deadline, enough=limits.enough)
        return [
            ScoredCandidates.in_order(hits, query_logits) for hits, query_logits in zip(candidates, logits, strict=True)
        ]


def _for_all(fitting: Sequence[str | None], values: Sequence[Value], skipped: Value) -> list[Value]:
    """Return the value of each query that was searched, in order, with ``skipped`` between them for the others."""
    remaining = iter(values)
    return [skipped if query is None else next(remaining) for query in fitting]


def _generation(retriever: Retriever) -> int | None:
    return retriever.index.generation if has_index(retriever) else None


def _coverage(retriever: Retriever) -> Coverage | None:
    return retriever.index.coverage if has_index(retriever) else None


def _scales(rule: StopRule | None, scored: ScoredCandidates, depth: int) -> Scales | None:
    """Return the deviations for a blend, if a stop rule can estimate those of all candidates."""
    hits = scored.hits[:depth]
    if rule is None or not 0 < len(scored.logits) < len(hits):
        return None
    return rule.scales(np.array([hit.score for hit in hits], np.float64), scored.logits.astype(np.float64))


def _depth(scored: ScoredCandidates, depth: int, generation: int | None, coverage: Coverage | None) -> Depth:
    reranked, candidates = len(scored.logits), len(scored.hits)
    return Depth(reranked, candidates, max(reranked, min(depth, candidates)), generation, coverage=coverage)


def _log_deadline(deadline_ms: float | None, depths: Sequence[Depth]) -> None:
    reranked, planned = sum(depth.reranked for depth in depths), sum(depth.wanted for depth in depths)
    if deadline_ms is not None and reranked < planned:
        logger.info("deadline of %g ms: %d of %d candidates were reranked", deadline_ms, reranked, planned)
