"""SearchOptions: how an index is searched."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, cast, get_args, overload

from ...errors import ArgumentError
from ...errors.arguments import checked_choice, checked_flag, checked_instance, checked_number, described
from ...rerank import Calibration, Cascade, check_cascade
from ...retrieval import Feedback
from ..choices import FirstStage, LongQueries
from .long_queries import require_policy
from .scoring import PassageScoring, StopRule, passages_needed, require_cascade_fits

DEFAULT_K = 100
"""``retrieve_k`` and ``rerank_k`` where they are neither given nor tuned."""
LATE_INTERACTION_K = 10
"""The same ``rerank_k`` where the candidates are sorted by late interaction."""
DEFAULT_TOP_K = 10
MAX_RETRIEVE_K = 10_000
"""The largest ``retrieve_k`` that settings stored in an index may have; a caller may ask for more."""
FIRST_STAGES: tuple[FirstStage, ...] = get_args(FirstStage)

RerankK = int | Literal["auto"]
"""How many candidates are reranked; "auto" leaves it to a ``StopRule``."""
MAX_DEADLINE_MS = 1e15
_RECORDS: dict[str, Any] = {"stop_rule": StopRule, "calibration": Calibration, "first_stage_calibration": Calibration}


class OptionValues(TypedDict, total=False):
    """The fields of ``SearchOptions``, as keywords of the calls that make one."""

    retrieve_k: int | None
    rerank_k: RerankK | None
    top_k: int | None
    rerank: bool | None
    blend: float | None
    first_stage: FirstStage | None
    feedback: Feedback | bool | None
    stop_rule: StopRule | None
    calibration: Calibration | None
    first_stage_calibration: Calibration | None
    min_relevance: float | None
    passages: PassageScoring
    adaptive: bool
    cascade: Cascade | None
    late_interaction: bool | None
    long_queries: LongQueries


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How an index is searched; every value is checked when the record is made.

    None is a value that was left open: ``SearchPipeline.open`` takes it from what ``bicross tune`` stored in the index,
    else from the defaults. The ``options`` of a pipeline have no cutoff left open.

    Attributes:
        retrieve_k: Documents that the first stage retrieves; default 100, or ``top_k`` or ``rerank_k`` where one of
            these is larger.
        rerank_k: Candidates that the reranker scores, at most ``retrieve_k``; "auto" leaves it to ``stop_rule``;
            default 100, or ``retrieve_k`` where that is less.
        top_k: Results to return, at most ``retrieve_k``; default 10, or ``retrieve_k`` where that is less.
        rerank: Whether the candidates are reranked. None is as tuned, else yes; whoever gives ``rerank_k``,
            ``cascade``, ``adaptive``, ``blend`` or a ``passages`` other than "best" asks for it.
        blend: Weight of the reranker's score against that of the first stage, from 0 to 1, both standardised among the
            reranked candidates of a query; default: what the reranker recommends.
        first_stage: How candidates are found: "dense" by vectors, "lexical" by BM25, or "hybrid" by both; default:
            "hybrid" where the index was built for it, else "dense". It matters where an index is opened.
        feedback: Pseudo-relevance feedback in a dense or a hybrid first stage: True for its usual strengths, or a
            ``Feedback``; default: yes where the index was built for it, else none. It matters where an index is opened.
        stop_rule: Says for ``rerank_k="auto"`` when further candidates cannot be expected to enter the results.
        calibration: Makes the relevance of results from logits; default: the sigmoid.
        first_stage_calibration: Estimates the relevance of results that were not reranked, from cosines, or from BM25
            with ``first_stage="lexical"``; default: curves that are not fitted to the collection.
        min_relevance: Results of less relevance are left out; a number from 0 to 1.
        passages: What the reranker scores of a document: its passage that is "best" by the first stage, its "first", or
            its best three, of which the highest logit ("max") or the "mean" counts.
        adaptive: Whether documents near good candidates are reranked too, within ``rerank_k``.
        cascade: Pairs of a layer of the reranker and the number of candidates that go on, as in ((3, 30), (4, 10)).
        late_interaction: Whether the token vectors in the index sort the candidates, of which the reranker reads the
            best, by default 10; default: yes where the index has them and was not tuned. It matters where it is opened.
        long_queries: Queries that are too long for the reranker are an "error", "cut", or "skip", without results.

    Raises:
        ArgumentError: A value cannot be, or does not fit another one.

    Example:
        >>> SearchOptions(top_k=150).complete().retrieve_k
        150
    """

    retrieve_k: int | None = None
    rerank_k: RerankK | None = None
    top_k: int | None = None
    rerank: bool | None = None
    blend: float | None = None
    first_stage: FirstStage | None = None
    feedback: Feedback | bool | None = None
    stop_rule: StopRule | None = None
    calibration: Calibration | None = None
    first_stage_calibration: Calibration | None = None
    min_relevance: float | None = None
    passages: PassageScoring = "best"
    adaptive: bool = False
    cascade: Cascade | None = None
    late_interaction: bool | None = None
    long_queries: LongQueries = "error"

    def __post_init__(self) -> None:
        self._check_cutoffs()
        if self.blend is not None:
            checked_number(self.blend, "blend", 0.0, 1.0)
        if self.first_stage is not None:
            checked_choice(self.first_stage, "first_stage", FIRST_STAGES)
        if not any(self.rerank is value for value in (None, True, False)):
            raise ArgumentError(f"rerank must be True, False or None, not {described(self.rerank)}")
        if self.late_interaction is not None:
            checked_flag(self.late_interaction, "late_interaction")
        checked_flag(self.adaptive, "adaptive")
        self._check_feedback()
        for name, type_ in _RECORDS.items():
            if getattr(self, name) is not None:
                checked_instance(getattr(self, name), type_, name)
        _check_relevance(self.min_relevance)
        passages_needed(self.passages)
        require_policy(self.long_queries)
        object.__setattr__(self, "cascade", check_cascade(() if self.cascade is None else self.cascade) or None)
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

        A ``rerank_k`` or ``top_k`` that is not given is lowered to a smaller ``retrieve_k``. With ``rerank_k`` the
        search reranks, whatever the pipeline does.
        """
        if retrieve_k is rerank_k is top_k is min_relevance is None:
            return self
        if retrieve_k is not None:
            _require_positive("retrieve_k", retrieve_k)
        return replace(
            self,
            retrieve_k=retrieve_k or self.retrieve_k,
            rerank_k=_at_most(self.rerank_k, retrieve_k) if rerank_k is None else rerank_k,
            top_k=_at_most(self.top_k, retrieve_k) if top_k is None else top_k,
            rerank=self.rerank if rerank_k is None else True,
            min_relevance=self.min_relevance if min_relevance is None else min_relevance,
        )

    def complete(self, *, retrieve_k: int = DEFAULT_K, rerank_k: int = DEFAULT_K) -> "SearchOptions":
        """Return the options with these cutoffs where none are given.

        ``retrieve_k`` is raised to a larger ``top_k`` or ``rerank_k`` that is given, and the cutoffs that are not given
        are lowered to a smaller ``retrieve_k``.
        """
        _require_positive("retrieve_k", retrieve_k)
        _require_positive("rerank_k", rerank_k)
        retrieve_k = self.retrieve_k or max(retrieve_k, self.needed)
        return replace(
            self,
            retrieve_k=retrieve_k,
            rerank_k=self.rerank_k or min(rerank_k, retrieve_k),
            top_k=self.top_k or min(DEFAULT_TOP_K, retrieve_k),
        )

    @property
    def needed(self) -> int:
        """The candidates that the ``top_k`` and the ``rerank_k`` that are given need; 0 where none are given."""
        return max(self.top_k or 0, self.rerank_k if isinstance(self.rerank_k, int) else 0)

    @property
    def candidates(self) -> int:
        """``retrieve_k``, or its default."""
        return self.retrieve_k or max(DEFAULT_K, self.needed)

    @property
    def depth(self) -> int:
        """The most candidates of a query that are reranked."""
        if self.rerank is False:
            return 0
        return self.candidates if self.rerank_k == "auto" else self.rerank_k or min(DEFAULT_K, self.candidates)

    @property
    def results(self) -> int:
        """``top_k``, or its default."""
        return self.top_k or min(DEFAULT_TOP_K, self.candidates)

    @property
    def asks_to_rerank(self) -> bool:
        """Tell whether a value that is given has a meaning only for the reranker."""
        if self.rerank is not None:
            return self.rerank
        has_value = self.rerank_k is not None or self.blend is not None or self.cascade is not None
        return has_value or self.adaptive or self.passages != "best"

    @property
    def strengths(self) -> Feedback | None:
        """The strengths of the feedback; None where there is none."""
        if isinstance(self.feedback, Feedback):
            return self.feedback
        return Feedback() if self.feedback else None

    def _check_feedback(self) -> None:
        given = self.feedback
        if not isinstance(cast("object", given), bool | Feedback | None):
            raise ArgumentError(f"feedback must be True, False, a Feedback or None, not {described(given)}")
        if given and self.first_stage == "lexical":
            raise ArgumentError(
                "feedback moves the vector of a query, and first_stage='lexical' has none: leave one of them out"
            )
        if given and self.adaptive:
            raise ArgumentError(
                "feedback scores only the candidates of a query, and adaptive=True adds neighbours: leave out one"
            )

    def _check_cutoffs(self) -> None:
        for name in ("retrieve_k", "rerank_k", "top_k"):
            value = getattr(self, name)
            if value is not None and not (name == "rerank_k" and isinstance(value, str) and value == "auto"):
                _require_positive(name, value)
        if self.retrieve_k is None:
            self._check_needed()
            return
        for name in ("rerank_k", "top_k"):
            value = getattr(self, name)
            if isinstance(value, int) and value > self.retrieve_k:
                raise ArgumentError(
                    f"{name}={value} is larger than retrieve_k={self.retrieve_k}: "
                    f"the first stage must retrieve at least so many; give a larger retrieve_k, or leave it out"
                )

    def _check_needed(self) -> None:
        """Check that ``retrieve_k`` may follow the other cutoffs."""
        if self.needed > MAX_RETRIEVE_K:
            name = "top_k" if self.needed == self.top_k else "rerank_k"
            raise ArgumentError(
                f"{name}={self.needed} needs as many candidates, and retrieve_k follows only up to {MAX_RETRIEVE_K}: "
                f"give retrieve_k={self.needed} too"
            )


def check_deadline(deadline_ms: float | None) -> None:
    """Check a deadline.

    Raises:
        ArgumentError: It is neither None nor a number of milliseconds from 0.
    """
    if deadline_ms is None:
        return
    number = type(deadline_ms) in (int, float)  # no bool, which is an int
    if not number or not 0 <= deadline_ms <= MAX_DEADLINE_MS:
        raise ArgumentError(f"deadline_ms must be a number of milliseconds from 0, or None, not {deadline_ms!r}")


def _check_relevance(min_relevance: float | None) -> None:
    if min_relevance is None:
        return
    if type(min_relevance) not in (int, float) or not 0 <= min_relevance <= 1:  # no bool, which is an int
        raise ArgumentError(f"min_relevance must be a number from 0 to 1, or None, not {min_relevance!r}")


def _require_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, not {value!r}")


@overload
def _at_most(k: int | None, retrieve_k: int | None) -> int | None: ...
@overload
def _at_most(k: RerankK | None, retrieve_k: int | None) -> RerankK | None: ...
def _at_most(k: RerankK | None, retrieve_k: int | None) -> RerankK | None:
    return k if k is None or k == "auto" or retrieve_k is None else min(k, retrieve_k)


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
