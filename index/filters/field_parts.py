"""The values of a field in one segment, and what is true of a field over several of them."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, Literal, Protocol, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..metadata import FieldColumns, Kind, arrow_mask, arrow_values, mask_of
from .dates import Dates, read_dates
from .notations import looks_like_a_local_date, looks_like_a_number, looks_like_an_amount

_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type
MAX_EXAMPLE = 40

Which = Literal[
    "present", "dates", "not_dates", "years", "numbers_in_texts", "amounts", "local_dates", "texts", "odd_texts"
]
"""Names a set of rows: those with a value, with a date, with another value, with a text of four digits, of a number and
no year, of a number alone or beside a word, of a date in another notation, with any text, and with a text that is
neither a number nor a date."""
Value = TypeVar("Value")


class FieldPart:
    """The values of a field in one segment."""

    def __init__(self, columns: FieldColumns, live: NDArray[np.bool_] | None) -> None:
        self._columns = columns
        self._live = live
        self.rows = columns.rows
        self.present = columns.present()

    @cached_property
    def counts(self) -> dict[Kind, int]:
        """How many live documents have a value of each kind."""
        columns = self._columns.columns
        if self._live is None:
            return {kind: len(column) - column.null_count for kind, column in columns.items()}
        return {kind: int((valid_rows(column) & self._live).sum()) for kind, column in columns.items()}

    @property
    def all_kinds(self) -> set[Kind]:
        """The kinds of all values, those of deleted documents included."""
        return set(self._columns.columns)

    def holds(self, kinds: Iterable[Kind]) -> NDArray[np.bool_]:
        """For each row whether it has a value of one of the kinds."""
        holds = np.zeros(self.rows, np.bool_)
        for kind in kinds:
            if kind in self._columns.columns:
                holds |= valid_rows(self._columns.columns[kind])
        return holds

    def rows_that(self, which: Which) -> NDArray[np.bool_]:
        """One bool a row: whether it is of the rows that a name stands for."""
        match which:
            case "present":
                return self.present
            case "dates":
                return self.dates.valid
            case "not_dates":
                return self.present & ~self.dates.valid
            case "years":
                return self.dates.precision == 0
            case "numbers_in_texts":
                return self.looks_like_a_number
            case "amounts":
                return self.looks_like_an_amount
            case "local_dates":
                return self.looks_like_a_local_date
            case "texts":
                return valid_rows(self.texts)
            case "odd_texts":
                return ~(self.looks_like_an_amount | self.dates.valid)

    @property
    def rows_of_live(self) -> Any:  # noqa: ANN401 - an Arrow array
        """One bool a row: whether its document lives."""
        return arrow_mask(np.ones(self.rows, np.bool_) if self._live is None else self._live)

    def live(self, mask: NDArray[np.bool_]) -> int:
        """How many rows of a mask are live documents."""
        return int((mask if self._live is None else mask & self._live).sum())

    def column(self, kind: Kind, type_: pa.DataType) -> Any:  # noqa: ANN401 - an Arrow array
        """The values of one kind, null elsewhere."""
        column = self._columns.columns.get(kind)
        return cast(Any, pa).nulls(self.rows, type_) if column is None else column

    @cached_property
    def texts(self) -> Any:  # noqa: ANN401 - an Arrow array
        """The texts, null elsewhere."""
        return self.column(Kind.TEXTS, pa.large_utf8())

    @cached_property
    def dates(self) -> Dates:
        """The texts as dates."""
        return read_dates(self.texts)

    @cached_property
    def looks_like_a_number(self) -> NDArray[np.bool_]:
        """Which texts look like a number or a price; four digits alone are rather a year."""
        return looks_like_a_number(self.texts)

    @cached_property
    def looks_like_an_amount(self) -> NDArray[np.bool_]:
        """Which texts look like a number, alone or beside a word."""
        return looks_like_an_amount(self.texts)

    @cached_property
    def looks_like_a_local_date(self) -> NDArray[np.bool_]:
        """Which texts look like a date that is not written as in ISO 8601, such as 31.12.2024 or 5 March 2024."""
        return looks_like_a_local_date(self.texts) & ~self.dates.valid


class FieldFacts(Protocol):
    """What is true of a field over all segments of an index: it decides what a filter means, in every segment."""

    def counts(self) -> dict[Kind, int]:
        """How many live documents have a value of each kind."""
        ...

    def all_kinds(self) -> set[Kind]:
        """The kinds of all values, those of deleted documents included."""
        ...

    def off(self, kinds: tuple[Kind, ...]) -> int:
        """How many live documents have a value, but none of these kinds."""
        ...

    def live(self, which: Which) -> int:
        """How many live documents are in some rows."""
        ...

    def example(self, which: Which) -> str:
        """The first text of a live document in some rows; "" where there is none."""
        ...

    def has_text(self, text: str) -> bool:
        """Whether a live document has that very text."""
        ...

    def precisions(self) -> set[int]:
        """The precisions of the dates of live documents, -1 for other values."""
        ...


class PartFacts:
    """The ``FieldFacts`` of some segments."""

    def __init__(self, parts: Sequence[FieldPart]) -> None:
        self._parts = parts
        self._known: dict[object, Any] = {}

    def counts(self) -> dict[Kind, int]:
        """How many live documents have a value of each kind."""
        counts = {kind: sum(part.counts.get(kind, 0) for part in self._parts) for kind in Kind}
        return {kind: count for kind, count in counts.items() if count}

    def all_kinds(self) -> set[Kind]:
        """The kinds of all values, those of deleted documents included."""
        return {kind for part in self._parts for kind in part.all_kinds}

    def off(self, kinds: tuple[Kind, ...]) -> int:
        """How many live documents have a value, but none of these kinds."""
        return self._once(("off", kinds), lambda: sum(p.live(p.present & ~p.holds(kinds)) for p in self._parts))

    def live(self, which: Which) -> int:
        """How many live documents are in some rows."""
        return self._once(("live", which), lambda: sum(part.live(part.rows_that(which)) for part in self._parts))

    def example(self, which: Which) -> str:
        """The first text of a live document in some rows; "" where there is none."""
        for part in self._parts:
            rows = np.flatnonzero(part.rows_that(which) & mask_of(part.rows_of_live) & valid_rows(part.texts))
            if len(rows):
                return str(part.texts[int(rows[0])].as_py())[:MAX_EXAMPLE]
        return ""

    def has_text(self, text: str) -> bool:
        """Whether a live document has that very text."""
        values = arrow_values([text], pa.large_utf8())
        return any(part.live(mask_of(_ARROW.is_in(part.texts, values))) for part in self._parts)

    def precisions(self) -> set[int]:
        """The precisions of the dates of live documents, -1 for other values."""
        levels = (np.unique(part.dates.precision[mask_of(part.rows_of_live)]).tolist() for part in self._parts)
        return {level for of_part in levels for level in of_part}

    def _once(self, key: object, compute: Callable[[], Value]) -> Value:
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]


def valid_rows(column: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array
    """Return for each row of a column whether it has a value."""
    return mask_of(column.is_valid())
