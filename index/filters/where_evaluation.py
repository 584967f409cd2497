"""Evaluates a predicate on the metadata of all segments of an index.

A predicate is an Arrow expression, or the string form of ``where_parser``. Nulls are SQL's: a comparison with a field
that a document does not have is neither true nor false, and neither is its ``not``, so that ``year != 2020`` and
``not year == 2020`` both pass over a document without a year. ``is None`` is the way to ask for one. A value of a kind
that a condition cannot compare counts as missing there.
"""

from collections.abc import Iterable
from functools import reduce
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..metadata import LISTS, Kind, arrow_mask, arrow_scalar, mask_of
from .comparisons import (
    KERNELS,
    compare_numbers,
    compare_texts,
    compare_two_numbers,
    compare_two_texts,
    is_in,
    list_has,
    number_in,
    text_in,
)
from .expressions import evaluate_expression
from .fields import NUMBERS, IndexField, IndexFields
from .text_order import TextLiteral, by_date, hint_for_number, other_notation
from .where_parser import (
    And,
    Comparison,
    Condition,
    Contains,
    Field,
    Filter,
    Flag,
    IsNull,
    Not,
    OneOf,
    Or,
    StartsWith,
    Value,
    parse_predicate,
)

Predicate = pc.Expression | str

_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type
_EQUALITIES = ("==", "!=")


def matching(
    fields: IndexFields, predicate: Predicate | Filter, *, must_exist: bool = False
) -> list[NDArray[np.bool_]]:
    """For each row of each segment whether the predicate is true there: bool arrays of shape (rows,).

    In a field with floats numbers are compared as float64, otherwise exactly. Texts are compared by code point, and
    as dates where both sides are dates in ISO 8601. An Arrow expression means what Arrow says it does: in ``is_in``,
    for one, a null is simply not in the set.

    Args:
        fields: The fields of the index.
        predicate: What is asked.
        must_exist: Whether ``x is null`` needs a document with x, too. Otherwise it is true for all where none has
            it, because the last one may be deleted; a warning is logged, because the name may be misspelt.

    Raises:
        ArgumentError: The predicate cannot be read, compares a field that no document has or that cannot be filtered
            by, or a field with a value of a kind that it has not, or is not boolean.
    """
    match predicate:
        case str():
            condition = parse_predicate(predicate).condition
        case Filter():
            condition = predicate.condition
        case pc.Expression():
            return list(map(_mask, evaluate_expression(fields, predicate)))
        case _:
            kind = type(predicate).__name__
            raise ArgumentError(f"a filter is a string or a pyarrow.compute.Expression, not {kind}: {predicate!r:.80}")
    return [_mask(_Rows(fields, part, must_exist=must_exist).evaluate(condition)) for part in range(len(fields.rows))]


def _mask(matches: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array
    return mask_of(matches)


class _Rows:
    """The rows of one segment, and conditions over them: each becomes a boolean Arrow array, null where unknown."""

    def __init__(self, fields: IndexFields, part: int, *, must_exist: bool) -> None:
        self._fields = fields
        self._part = part
        self._must_exist = must_exist

    def evaluate(self, condition: Condition) -> Any:  # noqa: ANN401 - Arrow's stubs leave it unknown
        match condition:
            case And(parts):
                return reduce(_ARROW.and_kleene, map(self.evaluate, parts))
            case Or(parts):
                return reduce(_ARROW.or_kleene, map(self.evaluate, parts))
            case Not(part):
                return _ARROW.invert(self.evaluate(part))
            case IsNull(field):
                return arrow_mask(~self._find(field, must_exist=self._must_exist).parts[self._part].present)
            case _:
                return self._evaluate_test(condition)

    def _evaluate_test(self, condition: Flag | Contains | OneOf | StartsWith | Comparison) -> Any:  # noqa: ANN401
        field = self._find(condition.field)
        field.require_comparable()
        match condition:
            case Flag():
                return self._flag(field)
            case Contains(_, item):
                return self._contains(field, item)
            case OneOf(_, values):
                return self._one_of(field, values)
            case StartsWith(_, prefix):
                self._require(field, "startswith", prefix)
                return _ARROW.starts_with(field.parts[self._part].texts, pattern=prefix)
            case Comparison(_, symbol, Field() as other):
                return self._compare_fields(field, symbol, self._find(other, meant=f"{condition.field.name} {symbol}"))
            case Comparison(_, symbol, value):
                return self._compare(field, symbol, cast("Value", value))

    def _find(self, field: Field, *, must_exist: bool = True, meant: str = "") -> IndexField:
        """The field; ``meant`` is what stands before it where it may be a text that lacks its quotes."""
        if field.name == "id" and not field.is_quoted:
            return self._fields.ids()
        if meant and not field.is_quoted and not self._fields.field(field.name).exists:
            raise self._fields.missing(field.name, f". If it is a text, write it in quotes: {meant} {field.name!r}")
        return self._fields.find(field.name) if must_exist else self._fields.find_or_note(field.name)

    def _flag(self, field: IndexField) -> Any:  # noqa: ANN401
        if not field.has(Kind.BOOLEANS):
            raise ArgumentError(f"{field.described} and is not a condition on its own: compare it with a value")
        self._note_off(field, (Kind.BOOLEANS,))
        return self._booleans(field)

    def _booleans(self, field: IndexField) -> Any:  # noqa: ANN401
        return field.parts[self._part].column(Kind.BOOLEANS, pa.bool_())

    def _compare(self, field: IndexField, symbol: str, value: Value) -> Any:  # noqa: ANN401
        self._require(field, symbol, value)
        match value:
            case bool():
                return KERNELS[symbol](self._booleans(field), arrow_scalar(value, pa.bool_()))
            case str():
                literal = TextLiteral(value)
                if symbol in _EQUALITIES:
                    self._note_notation(field, literal)
                elif by_date(field, symbol, literal):
                    self._fields.note_off(field, field.not_dates, "dates")
                return compare_texts(field, self._part, symbol, literal)
            case _:
                return compare_numbers(field, self._part, symbol, value)

    def _compare_fields(self, left: IndexField, symbol: str, right: IndexField) -> Any:  # noqa: ANN401
        right.require_comparable()
        results: list[Any] = []
        if left.has(*NUMBERS) and right.has(*NUMBERS):
            results.append(compare_two_numbers(left, right, self._part, symbol))
        if left.has(Kind.TEXTS) and right.has(Kind.TEXTS):
            results.append(compare_two_texts(left, right, self._part, symbol))
        if left.has(Kind.BOOLEANS) and right.has(Kind.BOOLEANS) and symbol in _EQUALITIES:
            results.append(KERNELS[symbol](self._booleans(left), self._booleans(right)))
        if not results:
            held = right.described.split(" holds ", 1)[1]
            raise ArgumentError(
                f"{left.described} and cannot be compared ({symbol}) with {right.name!r:.200}, which holds {held}"
            )
        return _ARROW.coalesce(*results)

    def _one_of(self, field: IndexField, values: tuple[Value, ...]) -> Any:  # noqa: ANN401
        part = field.parts[self._part]
        if not values:
            return arrow_mask(np.zeros(part.rows, np.bool_), valid=part.present)
        kinds = [kind for value in values for kind in self._require(field, "==", value, note=False)]
        self._note_off(field, kinds)
        results: list[Any] = []
        if texts := [value for value in values if isinstance(value, str)]:
            for text in texts:
                self._note_notation(field, TextLiteral(text))
            results.append(text_in(field, self._part, texts))
        if flags := [value for value in values if isinstance(value, bool)]:
            results.append(is_in(self._booleans(field), flags))
        if numbers := [value for value in values if not isinstance(value, bool | str)]:
            results.append(number_in(field, self._part, numbers))
        return _ARROW.coalesce(*results)

    def _contains(self, field: IndexField, item: Value) -> Any:  # noqa: ANN401
        if not field.has(*LISTS):
            raise ArgumentError(f"{field.described}; {item!r:.80} can only be in a field of lists. Compare with ==")
        if isinstance(item, bool):
            raise ArgumentError(f"{field.described}, and {item!r} is not a text or number")
        if isinstance(item, str):
            kinds, item_kind = (Kind.TEXT_LISTS, Kind.TEXTS), "number"
        else:
            kinds, item_kind = (Kind.INTEGER_LISTS, Kind.NUMBER_LISTS, *NUMBERS), "text"
        if not field.has(*kinds):
            raise ArgumentError(f"{field.described}, and {item!r:.80} is not a {item_kind}")
        part = field.parts[self._part]
        is_known = part.holds((*LISTS, Kind.TEXTS, *NUMBERS, Kind.BOOLEANS))
        return arrow_mask(list_has(field, self._part, item), valid=is_known)

    def _require(self, field: IndexField, symbol: str, value: Value, *, note: bool = True) -> tuple[Kind, ...]:
        """Raise ``ArgumentError`` unless the field has values that can be compared so with the value; their kinds."""
        match value:
            case bool():
                kinds: tuple[Kind, ...] = (Kind.BOOLEANS,)
                fits = symbol in _EQUALITIES
            case str():
                kinds, fits = (Kind.TEXTS,), True
            case _:
                kinds, fits = NUMBERS, True
        if not (fits and field.has(*kinds)):
            is_listed = field.has(*LISTS) and symbol in _EQUALITIES
            hint = f"; write {value!r:.80} in {field.name:.200}" if is_listed else ""
            if not isinstance(value, bool | str):
                hint += hint_for_number(field, symbol, value)
            raise ArgumentError(f"{field.described} and cannot be compared ({symbol}) with {value!r:.80}{hint}")
        if note:
            self._note_off(field, kinds)
        return kinds

    def _note_notation(self, field: IndexField, literal: TextLiteral) -> None:
        self._fields.note_notation(field, literal.text, other_notation(field, literal))

    def _note_off(self, field: IndexField, kinds: Iterable[Kind]) -> None:
        kinds = tuple(dict.fromkeys(kinds))
        self._fields.note_off(field, field.off(kinds), " or ".join(kinds))
