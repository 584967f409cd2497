"""Filters over shards: a filter means in each segment what it means over all segments of the generation.

What a condition compares depends on all values of a field: whether some of its numbers are floats, whether its texts
are dates. These facts are counted by each shard, summed, and sent with the filter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..filters import FieldFacts, IndexField, IndexFields, Predicate, Which, matching
from ..metadata import Kind
from ..segments import ROWS, SegmentFields
from .parts import Part

FactKey = tuple[str, bool, str, tuple[Any, ...]]
"""The name of a field, whether it is the ids of the documents, a method of ``FieldFacts``, and its arguments."""
NAMES: FactKey = ("", False, "names", ())
"""The names of all fields."""


def _sums(values: Sequence[Mapping[Kind, int]]) -> dict[Kind, int]:
    kinds = set[Kind]().union(*values)
    return {kind: sum(counts.get(kind, 0) for counts in values) for kind in Kind if kind in kinds}


def _union(values: Sequence[set[Any]]) -> set[Any]:
    return set[Any]().union(*values)


def _first(values: Sequence[str]) -> str:
    return next(filter(None, values), "")


_MERGES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "counts": _sums,
    "all_kinds": _union,
    "off": sum,
    "live": sum,
    "example": _first,
    "has_text": any,
    "precisions": _union,
    "names": lambda values: sorted(_union(values)),
}


def merged_fact(key: FactKey, values: Sequence[Any]) -> Any:  # noqa: ANN401 - as its method returns
    """Return what is true over all shards, from what is true in each."""
    return _MERGES[key[2]](values)


@dataclass(frozen=True, slots=True)
class GetFacts:
    """Asks a shard for facts of its own segments."""

    keys: Sequence[FactKey]

    def of(self, part: Part) -> list[Any]:
        """Return them."""
        return [_local_fact(part.snapshot.fields, key) for key in self.keys]


def _local_fact(fields: IndexFields, key: FactKey) -> Any:  # noqa: ANN401 - as its method returns
    name, is_id, method, arguments = key
    if key == NAMES:
        return set(fields.names())
    field = fields.ids() if is_id else fields.field(name)
    return getattr(field.facts, method)(*arguments)


class Everything:
    """Holds everything: a shard logs nothing of a filter that whoever sends it has logged."""

    def __contains__(self, _: object) -> bool:
        return True


EVERYTHING = Everything()


@dataclass(frozen=True, slots=True)
class TypedFilter:
    """A filter with the facts of all segments that its meaning depends on.

    Attributes:
        predicate: The filter.
        facts: The facts.
    """

    predicate: Predicate
    facts: Mapping[FactKey, Any]

    def masks(self, part: Part) -> list[NDArray[np.bool_] | None]:
        """Return for each segment of a part one bool a document: whether it lives, and the filter holds for it."""
        snapshot = part.snapshot
        masks = matching(WholeFields(snapshot.fields, self.facts.__getitem__, EVERYTHING), self.predicate)
        return [
            mask if view.live is None else mask & view.live for view, mask in zip(snapshot.views, masks, strict=True)
        ]


def masks_of(part: Part, where: TypedFilter | None) -> list[NDArray[np.bool_] | None]:
    """As ``TypedFilter.masks``; None is all live documents."""
    return part.snapshot.masks(None) if where is None else where.masks(part)


def typed_filter(predicate: Predicate, facts: Callable[[FactKey], Any], noted: set[tuple[str, str]]) -> TypedFilter:
    """Read a filter, and find out which facts its meaning depends on.

    It is evaluated over no documents, which needs the same facts, and finds the same mistakes, as over many.

    Args:
        predicate: The filter.
        facts: Returns the facts of all segments.
        noted: What was logged of filters already.

    Raises:
        ArgumentError: The filter cannot be read, or does not fit the fields of the index.
    """
    used: dict[FactKey, Any] = {}

    def use(key: FactKey) -> Any:  # noqa: ANN401
        used[key] = facts(key)
        return used[key]

    matching(WholeFields(IndexFields([_no_rows()], [None]), use, noted), predicate)
    return TypedFilter(predicate, used)


class WholeFields(IndexFields):
    """The fields of some segments, with the facts of all segments of the generation."""

    def __init__(
        self, local: IndexFields, facts: Callable[[FactKey], Any], noted: set[tuple[str, str]] | Everything
    ) -> None:
        super().__init__([], [])
        self.rows = local.rows
        self._local = local
        self._facts = facts
        self._noted = cast("set[tuple[str, str]]", noted)

    def names(self) -> list[str]:
        """The names of the fields of all segments, sorted."""
        return self._facts(NAMES)

    def field(self, name: str) -> IndexField:
        """The field of a name, with no values where no document has it."""
        if name not in self._fields:
            facts: FieldFacts = _GivenFacts(name, self._facts, is_id=False)
            self._fields[name] = IndexField(name, self._local.field(name).parts, facts=facts)
        return self._fields[name]

    def _over_ids(self) -> IndexField:
        facts: FieldFacts = _GivenFacts("id", self._facts, is_id=True)
        return IndexField("id", self._local.ids().parts, facts=facts, is_id=True)


class _GivenFacts:
    """``FieldFacts`` that were asked for."""

    def __init__(self, name: str, facts: Callable[[FactKey], Any], *, is_id: bool) -> None:
        self._name, self._facts, self._is_id = name, facts, is_id

    def counts(self) -> dict[Kind, int]:
        return self._fact("counts")

    def all_kinds(self) -> set[Kind]:
        return self._fact("all_kinds")

    def off(self, kinds: tuple[Kind, ...]) -> int:
        return self._fact("off", kinds)

    def live(self, which: Which) -> int:
        return self._fact("live", which)

    def example(self, which: Which) -> str:
        return self._fact("example", which)

    def has_text(self, text: str) -> bool:
        return self._fact("has_text", text)

    def precisions(self) -> set[int]:
        return self._fact("precisions")

    def _fact(self, method: str, *arguments: object) -> Any:  # noqa: ANN401
        return self._facts((self._name, self._is_id, method, arguments))


def _no_rows() -> SegmentFields:
    arrow: Any = pa
    batch = arrow.record_batch([arrow.nulls(0)], names=[ROWS])
    return SegmentFields(batch, list, lambda: arrow.nulls(0, pa.large_utf8()))
