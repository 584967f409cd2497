"""Tuned: the settings that ``bicross tune`` found best for an index, as the JSON that the index keeps.

An index may come from anyone, so its settings are checked like any other input. An impossible value is an error, and
no value may make a search rerank without end.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import cast

from ...errors import ArgumentError, IndexCorrupt
from ...index import Index
from ...rerank import Calibration, calibration_from_dict
from ...retrieval import Feedback, NormalisedSum, ReciprocalRank, TermShare
from ..choices import FirstStage
from .options import DEFAULT_K, FIRST_STAGES, MAX_RETRIEVE_K, SearchOptions
from .scoring import StopRule

SECTION = "search"
"""The key in ``Index.settings``."""
VERSION = 1
FIRST_STAGE_KEY = "stage_one"
"""The JSON key of ``first_stage``; it is that of version 1, because indexes on disk have it."""
MAX_CHARACTERS = 1000
KnownFusion = NormalisedSum | ReciprocalRank | TermShare


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best settings for an index with one reranker, and where they come from.

    No search depends on ``collection``, ``queries``, ``date`` and ``measured``.

    Attributes:
        reranker: The fingerprint of the reranker.
        first_stage: How candidates are found.
        retrieve_k: Documents that the first stage retrieves.
        rerank_k: Candidates to rerank; 0 says that the first stage alone is as good as reranking.
        blend: Weight of the reranker's score against that of the first stage, from 0 to 1.
        fusion: How scores are combined with ``first_stage`` "hybrid".
        stop_rule: The rule for ``rerank_k="auto"``.
        calibration: Makes relevance from logits.
        first_stage_calibration: Estimates relevance from cosines, or from BM25 with ``first_stage`` "lexical".
        feedback: The strengths of pseudo-relevance feedback; None is none.
        collection: The name of the judged queries.
        queries: How many there were.
        date: When the settings were tuned.
        measured: Figures by name.
    """

    reranker: str
    first_stage: FirstStage
    retrieve_k: int
    rerank_k: int
    blend: float
    fusion: KnownFusion | None = None
    stop_rule: StopRule | None = None
    calibration: Calibration | None = None
    first_stage_calibration: Calibration | None = None
    feedback: Feedback | None = None
    collection: str = ""
    queries: int = 0
    date: str = ""
    measured: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        for name in ("reranker", "collection", "date"):
            _text(name, getattr(self, name))
        if not self.reranker:
            raise ArgumentError("reranker is empty: without its fingerprint nobody can tell what this was tuned for")
        check_first_stage(self.first_stage, self.fusion, self.feedback)
        _whole("retrieve_k", self.retrieve_k, 1, MAX_RETRIEVE_K)
        _whole("rerank_k", self.rerank_k, 0, self.retrieve_k)
        _whole("queries", self.queries, 0, 2**53)
        _number("blend", self.blend, 0.0, 1.0)
        if self.stop_rule is not None and self.stop_rule.blend != self.blend:
            raise ArgumentError(f"the stop rule is for blend={self.stop_rule.blend!r}, and blend is {self.blend!r}")
        for name, value in self.measured.items():
            _text("measured", name)
            _number(f"measured {name:.40}", value, -1e100, 1e100)

    def complete(self, options: SearchOptions) -> SearchOptions:
        """Return the options, with tuned settings for the values that they leave open.

        The stop rule is left out where it was fitted for another blend or another first stage than is asked for. Where
        tuning switched the reranker off, it stays off unless the options ask for it.
        """
        same_stage = options.first_stage in (None, self.first_stage)
        options = with_first_stage(options, self.first_stage, self.feedback)
        fits = same_stage and options.blend in (None, self.blend) and options.strengths == self.feedback
        same_scores = (options.first_stage == "lexical") == (self.first_stage == "lexical")  # BM25, or cosines
        options = replace(
            options,
            rerank=options.rerank if self.rerank_k or options.rerank is not None else options.asks_to_rerank,
            blend=self.blend if options.blend is None else options.blend,
            stop_rule=options.stop_rule or (self.stop_rule if fits else None),
            calibration=options.calibration or self.calibration,
            first_stage_calibration=options.first_stage_calibration
            or (self.first_stage_calibration if same_scores else None),
        )
        return options.complete(retrieve_k=self.retrieve_k, rerank_k=self.rerank_k or DEFAULT_K)

    def to_dict(self) -> dict[str, object]:
        """Return the settings as JSON; ``from_dict`` makes an equal record of it."""
        # An older bicross, which refuses what it does not know, can read settings without curve and feedback.
        curve, feedback = self.first_stage_calibration, self.feedback
        return {
            **({} if curve is None else {"first_stage_calibration": curve.to_dict()}),
            **({} if feedback is None else {"feedback": asdict(feedback)}),
            "version": VERSION,
            "reranker": self.reranker,
            FIRST_STAGE_KEY: self.first_stage,
            "retrieve_k": self.retrieve_k,
            "rerank_k": self.rerank_k,
            "blend": self.blend,
            "fusion": fusion_record(self.fusion),
            "stop_rule": None if self.stop_rule is None else self.stop_rule.to_dict(),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "collection": self.collection,
            "queries": self.queries,
            "date": self.date,
            "measured": dict(self.measured),
        }

    @classmethod
    def from_dict(cls, record: object) -> "Tuned":
        """Make the settings from the result of ``to_dict``.

        Raises:
            ArgumentError: ``to_dict`` did not make the record.
        """
        values = values_of("search settings", record, VERSION)
        curve, feedback = values.pop("first_stage_calibration", None), values.pop("feedback", None)
        names = {FIRST_STAGE_KEY if field.name == "first_stage" else field.name for field in fields(cls)}
        names -= {"first_stage_calibration", "feedback"}
        require_fields("search settings", values, names)
        measured = cast("Mapping[str, float]", dict(_mapping("measured", values["measured"])))
        rule, calibration = values["stop_rule"], values["calibration"]
        return cls(
            # Their types are checked when the record is made.
            reranker=cast("str", values["reranker"]),
            first_stage=cast("FirstStage", values[FIRST_STAGE_KEY]),
            retrieve_k=cast("int", values["retrieve_k"]),
            rerank_k=cast("int", values["rerank_k"]),
            blend=cast("float", values["blend"]),
            fusion=fusion_of(values["fusion"]),
            stop_rule=None if rule is None else StopRule.from_dict(_mapping("stop_rule", rule)),
            calibration=None if calibration is None else calibration_from_dict(calibration),
            first_stage_calibration=None if curve is None else calibration_from_dict(curve),
            feedback=feedback_of(feedback),
            collection=cast("str", values["collection"]),
            queries=cast("int", values["queries"]),
            date=cast("str", values["date"]),
            measured=measured,
        )


def stored(index: Index) -> Tuned | None:
    """Return the tuned settings that an index keeps; None where it has none.

    Raises:
        IndexCorrupt: The settings cannot be used.
    """
    record = index.settings.get(SECTION)
    if record is None:
        return None
    try:
        return Tuned.from_dict(record)
    except ArgumentError as error:
        raise IndexCorrupt(
            f"{index.path} keeps search settings that cannot be used: {error}. `bicross tune` writes new ones; "
            "Index.set_settings({}) removes them"
        ) from None


def store(index: Index, tuned: Tuned) -> None:
    """Store tuned settings in an index as one commit, replacing older ones. Its other settings stay."""
    index.set_settings({**index.settings, SECTION: tuned.to_dict()})


def check_first_stage(first_stage: FirstStage, fusion: KnownFusion | None, feedback: Feedback | None) -> None:
    """Raise ``ArgumentError`` unless these make a first stage."""
    if first_stage not in FIRST_STAGES:
        raise ArgumentError(f"first_stage must be one of {', '.join(FIRST_STAGES)}, not {first_stage!r:.80}")
    if (fusion is not None) != (first_stage == "hybrid"):
        raise ArgumentError(f"first_stage={first_stage!r} with fusion={fusion!r}: hybrid has one, others none")
    if feedback is not None and first_stage == "lexical":
        raise ArgumentError("first_stage='lexical' with feedback: it has no vector that feedback could move")


def with_first_stage(options: SearchOptions, first_stage: FirstStage, feedback: Feedback | None) -> SearchOptions:
    """Return the options with a first stage and its feedback for what they leave open.

    Feedback belongs to the first stage: another one has none, and neither has a search for neighbours.
    """
    if options.adaptive or options.first_stage not in (None, first_stage):
        feedback = None
    return replace(
        options,
        first_stage=options.first_stage or first_stage,
        feedback=feedback if options.feedback is None else options.feedback,
    )


def fusion_record(fusion: KnownFusion | None) -> dict[str, object] | None:
    """Return a fusion as JSON; ``fusion_of`` makes an equal one of it."""
    if fusion is None:
        return None
    if isinstance(fusion, NormalisedSum):
        return {"method": "normalised_sum", "lexical_weight": fusion.lexical_weight}
    if isinstance(fusion, TermShare):
        return {"method": "term_share", "lexical_weight": fusion.lexical_weight}
    return {"method": "reciprocal_rank", "k": fusion.k}


def fusion_of(record: object) -> KnownFusion | None:
    """Make a fusion from the result of ``fusion_record``; raise ``ArgumentError`` for another record."""
    if record is None:
        return None
    match dict(_mapping("fusion", record)):
        case {"method": "normalised_sum", "lexical_weight": weight, **rest} if not rest:
            return NormalisedSum(_number("lexical_weight", weight, 0.0, 1.0))
        case {"method": "term_share", "lexical_weight": weight, **rest} if not rest:
            return TermShare(_number("lexical_weight", weight, 0.0, 1.0))
        case {"method": "reciprocal_rank", "k": k, **rest} if not rest:
            return ReciprocalRank(_number("k of the fusion", k, 0.0, 1e6))
        case other:
            raise ArgumentError(f"no fusion is {other!r:.200}")


def feedback_of(record: object) -> Feedback | None:
    """Make strengths of feedback from their fields; raise ``ArgumentError`` for another record."""
    if record is None:
        return None
    values, names = _mapping("feedback", record), {field.name for field in fields(Feedback)}
    if set(values) != names:
        raise ArgumentError(f"feedback has the fields {sorted(names)}, not {sorted(values)!s:.200}")
    return Feedback(
        weight=_number("weight of the feedback", values["weight"], 0.0, 1.0),
        documents=_whole("documents of the feedback", values["documents"], 1, MAX_RETRIEVE_K),
        smoothing=_number("smoothing of the feedback", values["smoothing"], 0.0, 1.0),
        neighbours=_whole("neighbours of the feedback", values["neighbours"], 1, MAX_RETRIEVE_K),
    )


def values_of(name: str, record: object, version: int) -> dict[str, object]:
    """Return the fields of a JSON object of a version; raise ``ArgumentError``, which calls it ``name``, for others."""
    values = dict(_mapping(f"the {name}", record))
    given = values.pop("version", None)
    if given != version:
        raise ArgumentError(f"{name} of version {given!r:.40}; this bicross reads version {version}")
    return values


def require_fields(name: str, values: Mapping[str, object], names: Collection[str]) -> None:
    """Raise ``ArgumentError`` unless a JSON object has just these fields."""
    if set(values) != set(names):
        raise ArgumentError(f"{name} have the fields {sorted(names)}, not {sorted(values)!s:.400}")


def _mapping(name: str, value: object) -> Mapping[str, object]:
    """Return a JSON object; raise ``ArgumentError``, which calls it ``name``, for anything else."""
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) for key in cast("Mapping[object, object]", value)
    ):
        raise ArgumentError(f"{name} must be a JSON object, not {value!r:.80}")
    return cast("Mapping[str, object]", value)


def _text(name: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
        raise ArgumentError(f"{name} must be a text of at most {MAX_CHARACTERS} characters, not {value!r:.80}")


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ArgumentError(f"{name} must be a whole number from {low} to {high}, not {value!r:.80}")
    return value


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or math.isnan(value):
        raise ArgumentError(f"{name} must be a number from {low:g} to {high:g}, not {value!r:.80}")
    return float(value)
