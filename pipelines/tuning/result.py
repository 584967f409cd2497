"""Options and result of ``tune``."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ...errors import ArgumentError
from ...errors.arguments import checked_choice, checked_count, checked_flag, checked_number, checked_path
from ...rerank import Bin, Calibration, CalibrationMethod
from ..choices import LongQueries
from ..evaluation import Estimate
from ..search import MAX_CHARACTERS, MAX_RETRIEVE_K, StopRule, Tuned, require_policy
from .grid import CUTOFF, Configuration, Grid
from .latency import Latency
from .regret import Expected

MOST_MS = 1e15
MIN_QUERIES = 10
"""With fewer judged queries, cross-validation says nothing."""


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """How to tune.

    Attributes:
        retrieve_k: Candidates to score for each query, and to retrieve in later searches.
        queries: How many of the judged queries to take, drawn with ``seed``; None takes all.
        latency_budget_ms: The most milliseconds that 95 of 100 searches may take at the recommended depth.
        latency_queries: Queries to measure latency on; 0 measures none.
        calibrate: The kind of calibration to fit, None for none.
        risk: The share of the first ten that the stop rule may miss.
        scores: A file that keeps the scores of the candidates for the next tuning.
        store: Whether to write the result into the index.
        seed: Fixes the draw of queries.
        long_queries: What becomes of queries that are too long for the reranker: an "error", "cut" to their beginning
            by the reranker, or "skip", which leaves them out.
    """

    retrieve_k: int = 100
    queries: int | None = None
    latency_budget_ms: float | None = None
    latency_queries: int = 20
    calibrate: CalibrationMethod | None = None
    risk: float = 0.05
    scores: Path | None = None
    store: bool = True
    seed: int = 0
    long_queries: LongQueries = "error"

    def __post_init__(self) -> None:
        require_policy(self.long_queries)
        checked_count(self.retrieve_k, "retrieve_k")
        checked_count(self.latency_queries, "latency_queries", least=0)
        checked_count(self.seed, "seed", least=0)
        checked_number(self.risk, "risk", 0.0, 1.0)
        checked_flag(self.store, "store")
        if self.queries is not None:
            checked_count(self.queries, "queries")
        if self.latency_budget_ms is not None:
            checked_number(self.latency_budget_ms, "latency_budget_ms", 0.0, MOST_MS)
        if self.calibrate is not None:
            checked_choice(self.calibrate, "calibrate", get_args(CalibrationMethod))
        if self.scores is not None:
            checked_path(self.scores, "scores")
        if not CUTOFF <= self.retrieve_k <= MAX_RETRIEVE_K:
            raise ArgumentError(f"retrieve_k={self.retrieve_k} must be from {CUTOFF} to {MAX_RETRIEVE_K} for tuning")
        if self.queries is not None and self.queries < MIN_QUERIES:
            raise ArgumentError(f"queries={self.queries} are too few; tuning needs at least {MIN_QUERIES}")
        if self.latency_queries < 0 or (self.latency_budget_ms is not None and not self.latency_queries):
            raise ArgumentError(
                f"latency_queries={self.latency_queries}: must not be negative, and a latency budget needs at least 1"
            )


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Cross-validated mean nDCG@10, on queries that the choice did not see, with 95% intervals over queries.

    Attributes:
        plain: The first stage by vectors alone.
        alone: The first stage as chosen.
        best: The recommended choice, among all settings.
        gain: ``best`` minus ``alone``.
        default: What a search takes that nothing was tuned for.
        gain_over_default: ``best`` minus ``default``.
    """

    plain: Estimate
    alone: Estimate
    best: Estimate
    gain: Estimate
    default: Estimate
    gain_over_default: Estimate


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration and its cross-validated errors; ``before`` is the plain sigmoid, ``after`` the calibration."""

    calibration: Calibration
    pairs: int
    ece_before: float
    ece_after: float
    brier_before: float
    brier_after: float
    bins_before: tuple[Bin, ...]
    bins_after: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """The result of a tuning.

    Attributes:
        collection: The name of the judged queries.
        queries: How many there are.
        date: When it was made, in UTC, as YYYY-MM-DD.
        reranker: The fingerprint of the reranker.
        retrieve_k: Candidates of each query that were scored.
        recommended: The setting to use; its depth is 0 where the first stage alone is recommended.
        shown: ``recommended`` where that reranks, else the best setting that does.
        default: The setting of a search that nothing was tuned for, or the nearest to it within the latency budget.
        expected: What the choice is expected to gain over the default, and to lose to the best setting.
        reason: Why it is recommended, in words.
        held_out: Cross-validated quality.
        grid: nDCG@10 of every setting and query.
        depths: (depth, nDCG@10 on all queries) with the blend and the fusion of ``shown``.
        recall: (k, recall@k) of the first stage of ``shown``.
        latencies: By depth; empty where none were measured.
        latency_budget_ms: The budget that was given.
        stop_rule: The stop rule, None where too few queries allow one.
        first_stage_curve: Estimates relevance from the cosine where nothing is reranked.
        calibrated: The calibration, where one was asked for.
        stored: Whether the index has the result.
        queries_cut: The ids of queries that are too long for the reranker, which scored their beginnings.
        queries_skipped: The ids of such queries that were left out.
    """

    collection: str
    queries: int
    date: str
    reranker: str
    retrieve_k: int
    recommended: Configuration
    shown: Configuration
    default: Configuration
    expected: Expected
    reason: str
    held_out: CrossValidated
    grid: Grid
    depths: tuple[tuple[int, Estimate], ...]
    recall: tuple[tuple[int, float], ...]
    latencies: tuple[Latency, ...]
    latency_budget_ms: float | None
    stop_rule: StopRule | None
    first_stage_curve: Calibration | None
    calibrated: Calibrated | None
    stored: bool
    queries_cut: tuple[str, ...] = ()
    queries_skipped: tuple[str, ...] = ()

    @property
    def tuned(self) -> Tuned:
        """Return the settings that an index stores."""
        recommended, held_out = self.recommended, self.held_out
        return Tuned(
            reranker=self.reranker,
            first_stage="dense" if recommended.fusion is None else "hybrid",
            retrieve_k=self.retrieve_k,
            rerank_k=recommended.depth,
            blend=self.shown.blend,
            fusion=recommended.fusion,
            feedback=recommended.feedback,
            stop_rule=self.stop_rule,
            calibration=None if self.calibrated is None else self.calibrated.calibration,
            first_stage_calibration=self.first_stage_curve,
            collection=self.collection[:MAX_CHARACTERS],
            queries=self.queries,
            date=self.date,
            measured={
                "ndcg_at_10": held_out.best.mean,
                "ndcg_at_10_of_the_default": held_out.default.mean,
                "ndcg_at_10_of_stage_one": held_out.alone.mean,
                "ndcg_at_10_of_vectors_alone": held_out.plain.mean,
                "gain_of_the_reranker": held_out.gain.mean,
                "gain_of_the_reranker_low": held_out.gain.low,
                "gain_of_the_reranker_high": held_out.gain.high,
                "expected_gain_over_the_default": self.expected.gain,
                "expected_regret": self.expected.regret,
                "expected_regret_of_the_default": self.expected.regret_of_default,
            },
        )
