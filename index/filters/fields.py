"""The fields of a whole index, over its segments: which kinds of values each holds, and how many documents of each."""

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..metadata import COMPARABLE, FieldColumns, Kind
from ..segments import SegmentFields
from .field_parts import FieldFacts, FieldPart, PartFacts

logger = logging.getLogger("bicross")

MAX_FIELDS_SHOWN = 20
NUMBERS = (Kind.INTEGERS, Kind.NUMBERS)
_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type


class IndexField:
    """A field in all segments."""

    def __init__(
        self, name: str, parts: Sequence[FieldPart], *, facts: FieldFacts | None = None, is_id: bool = False
    ) -> None:
        """``facts`` are those of a whole index of which ``parts`` are some segments; None is those of the parts."""
        self.name = name
        self.parts = parts
        self.is_id = is_id
        self.facts: FieldFacts = PartFacts(parts) if facts is None else facts

    @cached_property
    def counts(self) -> dict[Kind, int]:
        """How many live documents have a value of each kind; lists with items of several kinds count for each."""
        return self.facts.counts()

    @cached_property
    def all_kinds(self) -> set[Kind]:
        """The kinds of all values, those of deleted documents included."""
        return self.facts.all_kinds()

    @cached_property
    def kinds(self) -> set[Kind]:
        """The kinds of its values; where no document with a value lives, those of the deleted ones."""
        return set(self.counts) or self.all_kinds

    @cached_property
    def main_kinds(self) -> Sequence[Kind]:
        """The comparable kinds of most of its values: integers and floats go together; empty where there are none."""
        groups: list[tuple[Kind, ...]] = [NUMBERS, *((kind,) for kind in COMPARABLE if kind not in NUMBERS)]
        present_groups = [group for group in groups if self.has(*group)]
        return max(present_groups, key=lambda group: sum(self.counts.get(kind, 0) for kind in group), default=())

    @property
    def exists(self) -> bool:
        """Whether any document ever had it."""
        return bool(self.all_kinds)

    @cached_property
    def number_type(self) -> pa.DataType:
        """Numbers are compared as float64 where one of them is a float, otherwise exactly as int64."""
        return pa.float64() if Kind.NUMBERS in self.all_kinds else pa.int64()

    def numbers(self, part: int) -> Any:  # noqa: ANN401 - an Arrow array
        """The numbers in one segment, null elsewhere."""
        whole = self.parts[part].column(Kind.INTEGERS, pa.int64())
        if self.number_type == pa.int64():
            return whole
        return _ARROW.coalesce(
            self.parts[part].column(Kind.NUMBERS, pa.float64()), whole.cast(pa.float64(), safe=False)
        )

    def has(self, *kinds: Kind) -> bool:
        """Whether it has values of one of the kinds."""
        return not self.kinds.isdisjoint(kinds)

    def off(self, kinds: Sequence[Kind]) -> int:
        """How many live documents have a value, but none of these kinds."""
        return self.facts.off(tuple(kinds))

    @cached_property
    def live_values(self) -> int:
        """How many live documents have a value."""
        return self.facts.live("present")

    @cached_property
    def not_dates(self) -> int:
        """How many live documents have a value that is not a date."""
        return self.facts.live("not_dates")

    @cached_property
    def described(self) -> str:
        """What it holds, for messages."""
        kinds = self.kinds - ({Kind.INTEGERS} if Kind.NUMBERS in self.kinds else set())
        return f"the field {self.name!r:.200} holds {' and '.join(sorted(kinds))}"

    @cached_property
    def live_dates(self) -> int:
        """How many live documents have a date."""
        return self.facts.live("dates")

    @cached_property
    def live_numbers_in_texts(self) -> int:
        """How many live documents have a text that looks like a number and is not a year."""
        return self.facts.live("numbers_in_texts")

    @cached_property
    def live_amounts(self) -> int:
        """How many live documents have a text that looks like a number, alone or beside a word."""
        return self.facts.live("amounts")

    @cached_property
    def live_local_dates(self) -> int:
        """How many live documents have a date that is not written as in ISO 8601."""
        return self.facts.live("local_dates")

    @cached_property
    def live_years(self) -> int:
        """How many live documents have a text of four digits."""
        return self.facts.live("years")

    def require_comparable(self) -> None:
        """Raise ``ArgumentError`` where values are in no column at all."""
        if self.has(Kind.TOO_MUCH):
            raise ArgumentError(f"the field {self.name!r:.200} cannot be filtered by: there are {Kind.TOO_MUCH}")
        if not self.has(*COMPARABLE):
            raise ArgumentError(
                f"the field {self.name!r:.200} cannot be filtered by: it holds {' and '.join(sorted(self.kinds))}"
                + (f"; a member of them is written {self.name:.200}.name" if self.has(Kind.OBJECTS) else "")
            )


class IndexFields:
    """The fields of the segments of one generation."""

    def __init__(self, segments: Sequence[SegmentFields], lives: Sequence[NDArray[np.bool_] | None]) -> None:
        """``lives`` says of each segment which of its rows live; None is all of them."""
        self._segments = segments
        self._lives = lives
        self._fields: dict[str, IndexField] = {}
        self._ids: IndexField | None = None
        self._noted: set[tuple[str, str]] = set()
        self.rows = [segment.rows for segment in segments]

    def names(self) -> list[str]:
        """The names of the first fields of each segment, sorted."""
        return sorted(set[str]().union(*(segment.names() for segment in self._segments)))

    def find(self, name: str) -> IndexField:
        """The field of a name. Raises ``ArgumentError`` where no document has it."""
        field = self.field(name)
        if not field.exists:
            raise self.missing(name)
        return field

    def field(self, name: str) -> IndexField:
        """The field of a name, with no values where no document has it."""
        field = self._fields.get(name)
        if field is None:
            field = self._fields[name] = self._over_segments(name, (part.field(name) for part in self._segments))
        return field

    def find_or_note(self, name: str) -> IndexField:
        """The field of a name; where no document has it, it is without values, which is logged once."""
        field = self.field(name)
        if not field.exists and (name, "") not in self._noted:
            self._noted.add((name, ""))
            logger.warning("no document has a field %.200r, so that it is null in all of them; %s", name, self._there())
        return field

    def ids(self) -> IndexField:
        """The ids of the documents. Raises ``ArgumentError`` where a metadata field has the name ``id``."""
        if self.field("id").exists:
            raise ArgumentError(
                "id means the document's own id, but these documents also have a metadata field of that name: write "
                'field("id") for the metadata field, or rename it'
            )
        if self._ids is None:
            self._ids = self._over_ids()
        return self._ids

    def _over_ids(self) -> IndexField:
        return self._over_segments("id", (segment.ids() for segment in self._segments), is_id=True)

    def missing(self, name: str, hint: str = "") -> ArgumentError:
        """The error that there is no such field, with a hint; it lists some that there are."""
        error = ArgumentError(f"there is no field {name!r:.200} to filter by; {self._there()}{hint:.500}")
        error.own_names = tuple(self.names())
        return error

    def note_off(self, field: IndexField, off: int, expected_kind: str) -> None:
        """Log once that ``off`` documents have a value of the field that a condition cannot compare."""
        if off and (field.name, expected_kind) not in self._noted:
            self._noted.add((field.name, expected_kind))
            logger.warning(
                "the field %r has values that are not %s, which filters treat as missing: %d of %d documents with it",
                field.name,
                expected_kind,
                off,
                field.live_values,
            )

    def note_notation(self, field: IndexField, text: str, reason: str) -> None:
        """Log once for a field, if there is a ``reason``, that values which may mean a text do not match."""
        if reason and (key := (field.name, "=")) not in self._noted:
            self._noted.add(key)
            logger.warning("the field %r is compared with %.200r letter by letter, but %s", field.name, text, reason)

    def _there(self) -> str:
        names = self.names()
        shown = ", ".join(map(repr, names[:MAX_FIELDS_SHOWN]))
        more = len(names) - MAX_FIELDS_SHOWN
        return f"there are: {shown or 'none at all'}" + (f" and {more} more" if more > 0 else "")

    def _over_segments(self, name: str, columns: Iterable[FieldColumns], *, is_id: bool = False) -> IndexField:
        parts = [FieldPart(of_segment, live) for of_segment, live in zip(columns, self._lives, strict=True)]
        return IndexField(name, parts, is_id=is_id)
