"""What a tuning is told, and what it finds. Knows no index, no model and no screen."""

from dataclasses import dataclass
from pathlib import Path

from ...errors import ArgumentError
from ...rerank import Bin, Calibration, CalibrationMethod
from ..evaluation import Estimate
from ..search import MAX_CHARACTERS, MAX_RETRIEVE_K, StopRule, Tuned
from .grid import CUTOFF, Configuration, Grid
from .latency import Latency

MIN_QUERIES = 10
"""With fewer, nothing that is held out says anything."""


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """How to tune.

    ``retrieve_k`` candidates of every query are scored, and so many retrieved later. ``queries`` is how many of the
    judged ones to take, drawn with ``seed``; None takes all. ``latency_budget_ms`` is what 95 of 100 searches may take
    at the recommended depth; latency is measured on ``latency_queries`` queries, or, with 0, not at all. ``calibrate``
    fits a calibration too. ``risk`` is the stop rule's. ``scores`` is a file that keeps the scores for the next time.
    ``store`` writes the result into the index.
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
    progress: bool = False

    def __post_init__(self) -> None:
        if not CUTOFF <= self.retrieve_k <= MAX_RETRIEVE_K:
            raise ArgumentError(f"retrieve_k={self.retrieve_k} must be from {CUTOFF} to {MAX_RETRIEVE_K} to tune with")
        if self.queries is not None and self.queries < MIN_QUERIES:
            raise ArgumentError(f"queries={self.queries} are too few: tuning needs {MIN_QUERIES} at least")
        if self.latency_queries < 0 or (self.latency_budget_ms is not None and not self.latency_queries):
            raise ArgumentError(
                f"latency_queries={self.latency_queries}: a budget needs searches to be measured by, and 0 is for none"
            )


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Mean nDCG@10 on queries that the choice did not see, with 95% intervals over queries.

    ``plain`` is stage one as it comes, ``alone`` as chosen, and ``best`` the choice among all settings, most of which
    have the reranker read; ``gain`` is that of ``best`` over ``alone``.
    """

    plain: Estimate
    alone: Estimate
    best: Estimate
    gain: Estimate


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration, and what it changes on queries that it was not fitted to; ``before`` is the plain sigmoid."""

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
    """What was found.

    ``recommended`` may be stage one alone; ``shown`` is then the best setting with the reranker, and ``recommended``
    otherwise. ``depths`` are nDCG@10 on all queries by depth, at the blend and the fusion of ``shown``; ``recall`` is
    that of its stage one by k. ``reason`` says in words why. ``reranker`` is its fingerprint.
    """

    collection: str
    queries: int
    date: str
    reranker: str
    retrieve_k: int
    recommended: Configuration
    shown: Configuration
    reason: str
    held_out: HeldOut
    grid: Grid
    depths: tuple[tuple[int, Estimate], ...]
    recall: tuple[tuple[int, float], ...]
    latencies: tuple[Latency, ...]
    latency_budget_ms: float | None
    stop_rule: StopRule | None
    calibrated: Calibrated | None
    stored: bool

    @property
    def tuned(self) -> Tuned:
        """What an index keeps of it."""
        recommended, held_out = self.recommended, self.held_out
        return Tuned(
            reranker=self.reranker,
            first_stage="dense" if recommended.fusion is None else "hybrid",
            retrieve_k=self.retrieve_k,
            rerank_k=recommended.depth,
            blend=self.shown.blend,
            fusion=recommended.fusion,
            stop_rule=self.stop_rule,
            calibration=None if self.calibrated is None else self.calibrated.calibration,
            collection=self.collection[:MAX_CHARACTERS],
            queries=self.queries,
            date=self.date,
            measured={
                "ndcg_at_10": (held_out.best if recommended.depth else held_out.alone).mean,
                "ndcg_at_10_of_stage_one": held_out.alone.mean,
                "ndcg_at_10_of_vectors_alone": held_out.plain.mean,
                "gain_of_the_reranker": held_out.gain.mean,
                "gain_of_the_reranker_low": held_out.gain.low,
                "gain_of_the_reranker_high": held_out.gain.high,
            },
        )
