"""SearchOptions: how an index is searched."""

import math
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, get_args

from ...errors import ArgumentError
from ...rerank import Calibration, Cascade, check_cascade
from ..choices import FirstStage
from .scoring import PassageScoring, StopRule, passages_needed, require_cascade_fits

DEFAULT_K = 100
"""``retrieve_k`` and ``rerank_k`` where they are neither given nor tuned."""
DEFAULT_TOP_K = 10
MAX_RETRIEVE_K = 10_000
"""The largest ``retrieve_k`` that settings stored in an index may have; a caller may ask for more."""
FIRST_STAGES: tuple[FirstStage, ...] = get_args(FirstStage)

RerankK = int | Literal["auto"]
"""How many candidates are reranked; "auto" leaves it to a ``StopRule``."""


class OptionValues(TypedDict, total=False):
    """The fields of ``SearchOptions``, as keywords of the calls that make one."""

    retrieve_k: int | None
    rerank_k: RerankK | None
    top_k: int
    blend: float | None
    first_stage: FirstStage | None
    stop_rule: StopRule | None
    calibration: Calibration | None
    min_relevance: float | None
    passages: PassageScoring
    adaptive: bool
    cascade: Cascade | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How an index is searched; every value is checked when the record is made.

    None is a value that was left open: ``SearchPipeline.open`` takes it from what ``bicross tune`` stored in the index,
    else from the defaults. The ``options`` of a pipeline have no cutoff left open.

    Attributes:
        retrieve_k: Documents that the first stage retrieves; default 100.
        rerank_k: Candidates that the reranker scores, at most ``retrieve_k``; "auto" leaves it to ``stop_rule``;
            default 100, or ``retrieve_k`` where that is less.
        top_k: Results to return, at most ``retrieve_k``.
        blend: Weight of the reranker's score against that of the first stage, from 0 to 1, both standardised among the
            reranked candidates of a query; default: what the reranker recommends.
        first_stage: How candidates are found: "dense" by vectors, "lexical" by BM25, or "hybrid" by both; default
            "dense". It matters where an index is opened.
        stop_rule: Says for ``rerank_k="auto"`` when further candidates cannot be expected to enter the results.
        calibration: Makes the relevance of results from logits; default: the sigmoid.
        min_relevance: Results of less relevance are left out; a number from 0 to 1.
        passages: The passages of a document that the reranker scores: its "best" by the first stage, its "first", or
            its best three, of which the highest logit ("max") or the "mean" counts.
        adaptive: Whether documents near good candidates are reranked too, within ``rerank_k``.
        cascade: Pairs of a layer of the reranker and the number of candidates that go on after it, such as
            ((3, 30), (4, 10)).

    Raises:
        ArgumentError: A value cannot be, or does not fit another one.

    Example:
        >>> SearchOptions(retrieve_k=200, rerank_k=50).top_k
        10
    """

    retrieve_k: int | None = None
    rerank_k: RerankK | None = None
    top_k: int = DEFAULT_TOP_K
    blend: float | None = None
    first_stage: FirstStage | None = None
    stop_rule: StopRule | None = None
    calibration: Calibration | None = None
    min_relevance: float | None = None
    passages: PassageScoring = "best"
    adaptive: bool = False
    cascade: Cascade | None = None

    def __post_init__(self) -> None:
        self._check_cutoffs()
        if self.blend is not None and not 0.0 <= self.blend <= 1.0:
            raise ArgumentError(f"blend must be a number from 0 to 1, not {self.blend!r}")
        if self.first_stage is not None and self.first_stage not in FIRST_STAGES:
            raise ArgumentError(f"first_stage must be one of {', '.join(FIRST_STAGES)}, not {self.first_stage!r}")
        _check_relevance(self.min_relevance)
        passages_needed(self.passages)
        object.__setattr__(self, "cascade", check_cascade(self.cascade or ()) or None)
        if self.cascade:
            require_cascade_fits(passages=self.passages, adaptive=self.adaptive)

    def replaced(
        self,
        *,
        retrieve_k: int | None = None,
        rerank_k: RerankK | None = None,
        top_k: int | None = None,
        min_relevance: float | None = None,
    ) -> "SearchOptions":
        """Return the options of one search: given values replace those of the pipeline.

        A ``rerank_k`` or ``top_k`` that is not given is lowered to a smaller ``retrieve_k``.
        """
        if retrieve_k is rerank_k is top_k is min_relevance is None:
            return self
        if retrieve_k is None:
            retrieve_k = self.retrieve_k
        else:
            _require_positive("retrieve_k", retrieve_k)
        return replace(
            self,
            retrieve_k=retrieve_k,
            rerank_k=_at_most(self.rerank_k, retrieve_k) if rerank_k is None else rerank_k,
            top_k=(self.top_k if retrieve_k is None else min(self.top_k, retrieve_k)) if top_k is None else top_k,
            min_relevance=self.min_relevance if min_relevance is None else min_relevance,
        )

    def complete(self, *, retrieve_k: int = DEFAULT_K, rerank_k: int = DEFAULT_K) -> "SearchOptions":
        """Return the options with these cutoffs where none are given; ``rerank_k`` follows a smaller ``retrieve_k``."""
        retrieve_k = self.retrieve_k or retrieve_k
        return replace(self, retrieve_k=retrieve_k, rerank_k=self.rerank_k or min(rerank_k, retrieve_k))

    @property
    def candidates(self) -> int:
        """``retrieve_k``, or its default."""
        return self.retrieve_k or DEFAULT_K

    @property
    def depth(self) -> int:
        """The most candidates of a query that are reranked."""
        return self.candidates if self.rerank_k == "auto" else self.rerank_k or min(DEFAULT_K, self.candidates)

    def _check_cutoffs(self) -> None:
        for name in ("retrieve_k", "rerank_k", "top_k"):
            value = getattr(self, name)
            if value is not None and (name, value) != ("rerank_k", "auto"):
                _require_positive(name, value)
        most = MAX_RETRIEVE_K if self.retrieve_k is None else self.retrieve_k
        for name in ("rerank_k", "top_k"):
            value = getattr(self, name)
            if isinstance(value, int) and value > most:
                raise ArgumentError(
                    f"{name}={value} is larger than retrieve_k={most}: "
                    "the second stage sees only what the first stage retrieves"
                )


def check_deadline(deadline_ms: float | None) -> None:
    """Check a deadline.

    Raises:
        ArgumentError: It is neither None nor a number of milliseconds from 0.
    """
    if deadline_ms is None:
        return
    number = type(deadline_ms) in (int, float)  # no bool, which is an int
    if not number or not 0 <= deadline_ms < math.inf:
        raise ArgumentError(f"deadline_ms must be a number of milliseconds from 0, or None, not {deadline_ms!r}")


def _check_relevance(min_relevance: float | None) -> None:
    if min_relevance is None:
        return
    if type(min_relevance) not in (int, float) or not 0 <= min_relevance <= 1:  # no bool, which is an int
        raise ArgumentError(f"min_relevance must be a number from 0 to 1, or None, not {min_relevance!r}")


def _require_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, not {value!r}")


def _at_most(rerank_k: RerankK | None, retrieve_k: int | None) -> RerankK | None:
    if rerank_k is None or rerank_k == "auto" or retrieve_k is None:
        return rerank_k
    return min(rerank_k, retrieve_k)


def read_cascade(text: str | None) -> list[tuple[int, int]] | None:
    """Parse a cascade as commands take it: 3:30,4:10 is [(3, 30), (4, 10)]; None stays None."""
    if text is None:
        return None
    try:
        return [(int(layer), int(keep)) for layer, keep in (stage.split(":") for stage in text.split(","))]
    except ValueError:
        raise ArgumentError(f"a cascade is written as LAYER:CANDIDATES, as in 3:30,4:10, not {text!r}") from None


def read_layers(text: str | None) -> tuple[int, ...]:
    """Parse layers as commands take them: 3,4 is (3, 4), in ascending order; None gives no layers."""
    if text is None:
        return ()
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise ArgumentError(f"layers are numbers joined by commas, as in 3,4, not {text!r}") from None
