"""Settings: the options of a search, and where each of them comes from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal

from ...errors import ArgumentError
from ...rerank import Calibration, Reranker, TokenVectorReranker, calibration_of
from .defaults import IndexDefaults
from .options import DEFAULT_K, LATE_INTERACTION_K, OptionValues, RerankK, SearchOptions
from .tuned import KnownFusion, Tuned

Origin = Literal[
    "given", "tuned", "default", "default of this task", "raised for top_k", "raised for rerank_k", "the reranker's"
]


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a search, and where each of them comes from.

    What is given counts first, then what ``bicross tune`` stored in the index, then the default, which for the first
    stage and its feedback is the one that the index keeps from its build.

    Attributes:
        given: The options that the caller gave; None is a value left open.
        tuned: What the index stores for this reranker; None where it stores nothing, or for another one.
        recommended_blend: The blend that the reranker recommends; None without a reranker.
        own_calibration: The calibration that the reranker brings along, for where none is given or tuned.
        late_interaction: Whether a fast reranker sorts the candidates first.
        task: For a task that searches, such as ``ContextPipeline``: where values of ``given`` come from that it set
            itself. None is a search whose results are shown.
        defaults: The defaults that the index keeps from its build; None where it keeps none.
    """

    given: SearchOptions
    tuned: Tuned | None = None
    recommended_blend: float | None = None
    task: Mapping[str, Origin] | None = None
    defaults: IndexDefaults | None = None
    own_calibration: Calibration | None = None
    late_interaction: bool = False

    @classmethod
    def of_reranker(
        cls,
        given: SearchOptions,
        reranker: Reranker | None,
        *,
        tuned: Tuned | None = None,
        defaults: IndexDefaults | None = None,
        late_interaction: bool = False,
    ) -> "Settings":
        """Make the settings of a search with a reranker, or with None, from what that recommends."""
        return cls(
            given,
            tuned,
            None if reranker is None else reranker.blend,
            defaults=defaults,
            own_calibration=calibration_of(reranker),
            late_interaction=late_interaction,
        )

    @property
    def options(self) -> SearchOptions:
        """The complete options; only the blend may be left open, and is then ``recommended_blend``."""
        options = self._completed()
        return replace(options, rerank=False) if self.recommended_blend is None else options

    def _completed(self) -> SearchOptions:
        given = replace(self.given, late_interaction=self.late_interaction)
        if self.tuned is not None:
            options = self.tuned.complete(given)
            if self.late_interaction:  # the rule was fitted to another order
                options = replace(options, stop_rule=self.given.stop_rule)
        else:
            all_candidates = not self.late_interaction or given.adaptive or given.cascade
            options = given if self.defaults is None else self.defaults.complete(given)
            options = options.complete(rerank_k=DEFAULT_K if all_candidates else LATE_INTERACTION_K)
        return replace(options, calibration=options.calibration or self.own_calibration)

    @property
    def fusion(self) -> KnownFusion | None:
        """How a hybrid first stage combines scores; None where neither tuning nor the index says it."""
        chosen = self.tuned or self.defaults
        return None if chosen is None else chosen.fusion

    @property
    def reranks(self) -> bool:
        """Whether there is a reranker, and searches use it."""
        return self.options.rerank is not False

    @property
    def blend(self) -> float:
        """Weight of the reranker's score against that of the first stage, from 0 to 1."""
        blend = self.options.blend
        if blend is not None:
            return blend
        return 1.0 if self.recommended_blend is None else self.recommended_blend

    def replaced(
        self,
        *,
        retrieve_k: int | None = None,
        rerank_k: RerankK | None = None,
        top_k: int | None = None,
        min_relevance: float | None = None,
    ) -> "Settings":
        """Return the settings of one search; see ``SearchOptions.replaced``."""
        given = self.given.replaced(retrieve_k=retrieve_k, rerank_k=rerank_k, top_k=top_k, min_relevance=min_relevance)
        return self if given is self.given else replace(self, given=given)

    def origin(self, name: str) -> Origin:
        """Return where the value of a field of ``SearchOptions`` comes from."""
        if name == "rerank":
            return self._rerank_origin()
        if getattr(self.given, name) is not None:
            return (self.task or {}).get(name, "given")
        value, tuned = getattr(self.options, name), getattr(self.tuned, name, None)
        if name == "retrieve_k" and value > (tuned or DEFAULT_K):
            return "raised for top_k" if self.given.needed == self.given.top_k else "raised for rerank_k"
        if (name == "blend" and value is None) or (name == "calibration" and not tuned and value is not None):
            return "the reranker's"
        return "tuned" if tuned and tuned == value else "default"

    def _rerank_origin(self) -> Origin:
        if self.given.rerank is not None or self.recommended_blend is None or self.given.asks_to_rerank:
            return "given"
        return "default" if self.tuned is None else "tuned"

    def __str__(self) -> str:
        """Return one line that says how candidates are found and ordered, and where each setting comes from.

        Example:
            >>> print(pipeline.settings)
            first stage dense (default), 150 retrieved (raised for top_k), 50 reranked (tuned), blend 0.4 (tuned),
            relevance calibrated (tuned)
        """
        options = self.options
        parts = [f"first stage {options.first_stage} ({self.origin('first_stage')})"] if options.first_stage else []
        if options.strengths is not None:
            shares = f"{options.strengths.weight:g}, smoothing {options.strengths.smoothing:g}"
            parts.append(f"feedback {shares} ({self.origin('feedback')})")
        parts.append(f"{options.candidates} retrieved ({self.origin('retrieve_k')})")
        if options.late_interaction:
            parts.append(f"sorted by late interaction ({self.origin('late_interaction')})")
        if self.reranks:
            depth = "as many as needed" if options.rerank_k == "auto" else str(options.depth)
            parts.append(f"{depth} reranked ({self.origin('rerank_k')})")
        else:
            parts.append(f"not reranked ({self.origin('rerank')})")
        if self.reranks:
            parts.append(f"blend {self.blend:g} ({self.origin('blend')})")
            curve = "not calibrated" if options.calibration is None else "calibrated"
            parts.append(f"relevance {curve} ({self.origin('calibration')})")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, object]:
        """Return the settings as JSON: for each name the value and where it comes from.

        A task has no ``top_k`` there: what it gives is not what the search below it returns.
        """
        options, none = self.options, self.options.rerank is False
        values: dict[str, object] = {
            "first_stage": options.first_stage,
            "feedback": None if options.strengths is None else asdict(options.strengths),
            "retrieve_k": options.candidates,
            "rerank_k": 0 if none else options.rerank_k,
            **({"top_k": options.results} if self.task is None else {}),
            "late_interaction": self.late_interaction,
            "blend": None if none else self.blend,
        }
        origins = {name: self.origin("rerank" if none and name in ("rerank_k", "blend") else name) for name in values}
        return {name: {"value": value, "from": origins[name]} for name, value in values.items()}

    def require_stop_rule(self) -> None:
        """Check that there is a stop rule for ``rerank_k="auto"``.

        Raises:
            ArgumentError: There is none. The error says why, and what to do.
        """
        if self.options.stop_rule is not None:
            return
        tuned = self.tuned
        if tuned is not None and tuned.stop_rule is not None and self.late_interaction:
            raise ArgumentError(
                'rerank_k="auto" needs a stop_rule, and the one in the index was fitted without late interaction: make '
                "one with SearchPipeline.fit_stop_rule(queries), leave out late_interaction, or give a number"
            )
        if tuned is None:
            raise ArgumentError(
                'rerank_k="auto" needs a stop_rule: make one with SearchPipeline.fit_stop_rule(queries), '
                "store one with `bicross tune`, or give a number"
            )
        if tuned.stop_rule is not None:
            raise ArgumentError(
                f'rerank_k="auto" needs a stop_rule, and the index keeps one for first_stage={tuned.first_stage!r} and '
                f"blend={tuned.blend:g}: leave these as they were tuned, or give a number"
            )
        raise ArgumentError(
            f'rerank_k="auto" needs a stop_rule, and `bicross tune` stored none: the {tuned.queries} queries were too '
            "few for one, or it was an older bicross; tune again with more queries, or give a number"
        )


def settings_of_parts(
    options: SearchOptions | Settings | None,
    values: OptionValues,
    reranker: Reranker | None,
    fast_reranker: TokenVectorReranker | None,
) -> Settings:
    """Return the settings of a pipeline that is made of its parts.

    Args:
        options: The options or complete settings that were given.
        values: Options that were given by their names, which count before those.
        reranker: The second stage.
        fast_reranker: What sorts the candidates before it.

    Raises:
        ArgumentError: The options ask for late interaction, and there is no fast reranker.
    """
    if isinstance(options, Settings):
        sorts = options.late_interaction and fast_reranker is not None
        return replace(options, given=replace(options.given, **values), late_interaction=sorts)
    given = replace(options or SearchOptions(), **values)
    if given.late_interaction and fast_reranker is None:
        raise ArgumentError("late_interaction=True needs a fast_reranker: give a LateInteractionReranker")
    sorts = fast_reranker is not None and given.late_interaction is not False
    return Settings.of_reranker(given, reranker, late_interaction=sorts)


def with_candidates(search: SearchOptions, default: int, *, top_k: int = 0) -> tuple[SearchOptions, Origin]:
    """Return the options of the search below a task, with its number of candidates, and where that comes from.

    Args:
        search: What the caller gave.
        default: The candidates where the caller gave no ``retrieve_k``, unless more are needed.
        top_k: What the task returns.
    """
    search = replace(search, late_interaction=search.late_interaction or False)  # a task needs more than the best ten
    if search.retrieve_k is not None:
        return search, "given"
    depth = max(default, top_k, search.needed)
    raised: Origin = "raised for top_k" if depth == top_k else "raised for rerank_k"
    return replace(search, retrieve_k=depth), "default of this task" if depth == default else raised
