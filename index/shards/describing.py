"""Describes the metadata of an index whose segments are open in shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..filters import FieldEnds, FieldInfo, IndexFields, describe_field, ends_of
from .asking import Asking
from .filters import EVERYTHING, NAMES, FactKey, WholeFields
from .parts import Part


@dataclass(frozen=True, slots=True)
class GetEnds:
    """Asks for the ends of some fields, with the facts of all segments that say of which kind most values are."""

    names: Sequence[str]
    facts: Mapping[FactKey, Any]

    def of(self, part: Part) -> list[FieldEnds]:
        """Return those of each field."""
        fields = WholeFields(part.snapshot.fields, self.facts.__getitem__, EVERYTHING)
        return [ends_of(fields.field(name)) for name in self.names]


def describe(asking: Asking) -> tuple[FieldInfo, ...]:
    """See ``Index.fields``."""
    names: list[str] = asking.fact(NAMES)
    keys: list[FactKey] = [
        (name, False, method, arguments)
        for name in names
        for method, arguments in (("counts", ()), ("all_kinds", ()), ("live", ("present",)))
    ]
    facts = asking.facts(keys)
    whole = WholeFields(IndexFields([], []), asking.fact, EVERYTHING)
    described = [field for field in map(whole.field, names) if field.counts]
    ends = asking.all(GetEnds([field.name for field in described], facts)).values()
    documents = asking.generation.manifest.documents
    return tuple(
        describe_field(field, documents, [of_shard[number] for of_shard in ends])
        for number, field in enumerate(described)
    )
