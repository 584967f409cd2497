"""IndexDefaults: how an index is searched where nothing is given and nothing was tuned, as the JSON that it keeps.

A new index keeps them from its build on, so that a later bicross with other defaults searches it as before. An index of
a bicross that stored none is searched by vectors.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

from ...errors import ArgumentError, IndexCorrupt
from ...index import Index
from ...retrieval import Feedback, TermShare
from ..choices import FirstStage
from .options import SearchOptions
from .tuned import (
    KnownFusion,
    check_first_stage,
    feedback_of,
    fusion_of,
    fusion_record,
    require_fields,
    values_of,
    with_first_stage,
)

DEFAULTS_SECTION = "defaults"
"""The key in ``Index.settings``."""
DEFAULTS_VERSION = 1


@dataclass(frozen=True, slots=True)
class IndexDefaults:
    """How an index is searched where nothing is given and nothing was tuned.

    Attributes:
        first_stage: How candidates are found.
        fusion: How scores are combined with ``first_stage`` "hybrid".
        feedback: The strengths of pseudo-relevance feedback; None is none.
    """

    first_stage: FirstStage = "hybrid"
    fusion: KnownFusion | None = field(default_factory=TermShare)
    feedback: Feedback | None = field(default_factory=Feedback)

    def __post_init__(self) -> None:
        check_first_stage(self.first_stage, self.fusion, self.feedback)

    def complete(self, options: SearchOptions) -> SearchOptions:
        """Return the options with these for the values that they leave open."""
        return with_first_stage(options, self.first_stage, self.feedback)

    def to_dict(self) -> dict[str, object]:
        """Return the defaults as JSON; ``from_dict`` makes an equal record of it."""
        return {
            "version": DEFAULTS_VERSION,
            "first_stage": self.first_stage,
            "fusion": fusion_record(self.fusion),
            "feedback": None if self.feedback is None else asdict(self.feedback),
        }

    @classmethod
    def from_dict(cls, record: object) -> "IndexDefaults":
        """Make the defaults from the result of ``to_dict``.

        Raises:
            ArgumentError: ``to_dict`` did not make the record.
        """
        values = values_of("search defaults", record, DEFAULTS_VERSION)
        require_fields("search defaults", values, ("first_stage", "fusion", "feedback"))
        return cls(
            first_stage=cast("FirstStage", values["first_stage"]),
            fusion=fusion_of(values["fusion"]),
            feedback=feedback_of(values["feedback"]),
        )


def index_defaults(index: Index) -> IndexDefaults | None:
    """Return the defaults that an index keeps; None where it keeps none, or no terms to search for.

    Raises:
        IndexCorrupt: The defaults cannot be used.
    """
    record = index.settings.get(DEFAULTS_SECTION)
    if record is None:
        return None
    try:
        defaults = IndexDefaults.from_dict(record)
    except ArgumentError as error:
        raise IndexCorrupt(
            f"{index.path} keeps search defaults that cannot be used: {error}. Index.set_settings without "
            f"{DEFAULTS_SECTION!r} removes them"
        ) from None
    return defaults if defaults.first_stage == "dense" or index.analyzer else None


def default_settings(*, lexical: bool) -> Mapping[str, object]:
    """Return the settings of a new index, which ``lexical`` says to keep terms; without them it keeps no defaults."""
    return {DEFAULTS_SECTION: IndexDefaults().to_dict()} if lexical else {}
