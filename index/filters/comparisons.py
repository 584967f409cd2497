"""Comparisons of the values of fields: numbers exactly, texts by code point, dates at their precision.

Each takes the field, the number of a segment, and what to compare with, and gives a boolean Arrow array over the rows
of that segment, null where a row has nothing that can be compared.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..metadata import INT64_MAX, INT64_MIN, Kind, array_of, arrow_mask, arrow_scalar, arrow_values, mask_of
from .dates import DAY, Dates, compare_dates
from .fields import IndexField
from .text_order import TextLiteral, alphabetical, by_date, equal_by_date, not_iso

_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type
KERNELS: dict[str, Callable[[Any, Any], Any]] = {
    "==": _ARROW.equal,
    "!=": _ARROW.not_equal,
    "<": _ARROW.less,
    "<=": _ARROW.less_equal,
    ">": _ARROW.greater,
    ">=": _ARROW.greater_equal,
}
_NUMPY: dict[str, Any] = {
    "==": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def compare_numbers(field: IndexField, part: int, symbol: str, number: int | float) -> Any:  # noqa: ANN401
    """Compare numbers with a number."""
    column = field.numbers(part)
    value: int | float | bool = number
    if column.type == pa.int64():
        symbol, value = _whole(symbol, number)
        if isinstance(value, bool):
            return where_valid(column, result=value)
    return KERNELS[symbol](column, number_scalar(value, column.type))


def number_in(field: IndexField, part: int, numbers: list[int | float]) -> Any:  # noqa: ANN401
    """Whether a number is in a list of numbers."""
    column = field.numbers(part)
    if column.type == pa.int64():
        wholes = (_whole("==", number)[1] for number in numbers)
        numbers = [value for value in wholes if not isinstance(value, bool)]
    scalars = [number_scalar(value, column.type).as_py() for value in numbers]
    if 0.0 in scalars and column.type == pa.float64():
        scalars += [0.0, -0.0]  # Arrow's is_in looks at the bits
    return is_in(column, scalars)


def is_in(column: Any, values: list[Any]) -> Any:  # noqa: ANN401 - Arrow arrays
    """Whether a value is in a list of values; null where there is no value."""
    inside = _ARROW.is_in(column, arrow_values(values, column.type))
    return _ARROW.if_else(column.is_valid(), inside, arrow_scalar(None, pa.bool_()))


def compare_texts(field: IndexField, part: int, symbol: str, literal: TextLiteral) -> Any:  # noqa: ANN401
    """Compare texts with a text: as dates where both are, otherwise by code point.

    Raises:
        ArgumentError: Texts that look like numbers would be ordered by letter.
    """
    texts = field.parts[part].texts
    if symbol in ("==", "!="):
        equal = _ARROW.equal(texts, _text(literal.text))
        if equal_by_date(field, literal):
            equal = _or_same_date(equal, field.parts[part].dates, literal.dates)
        return _ARROW.invert(equal) if symbol == "!=" else equal
    if by_date(field, symbol, literal):
        dates = field.parts[part].dates
        return arrow_mask(compare_dates(dates, literal.dates, _NUMPY[symbol]), valid=dates.valid)
    return KERNELS[symbol](texts, _text(literal.text))


def text_in(field: IndexField, part: int, values: list[str]) -> Any:  # noqa: ANN401
    """Whether a text is in a list of texts, or is the same date as one of them."""
    inside = is_in(field.parts[part].texts, values)
    for literal in map(TextLiteral, values):
        if equal_by_date(field, literal):
            inside = _or_same_date(inside, field.parts[part].dates, literal.dates)
    return inside


def compare_two_numbers(left: IndexField, right: IndexField, part: int, symbol: str) -> Any:  # noqa: ANN401
    """Compare the numbers of two fields."""
    columns = [left.numbers(part), right.numbers(part)]
    if columns[0].type != columns[1].type:
        columns = [column.cast(pa.float64(), safe=False) for column in columns]
    return KERNELS[symbol](*columns)


def compare_two_texts(left: IndexField, right: IndexField, part: int, symbol: str) -> Any:  # noqa: ANN401
    """Compare the texts of two fields: as dates where both have dates, otherwise by code point.

    Raises:
        ArgumentError: Texts that look like numbers, or dates that are not in ISO 8601, would be ordered by letter.
    """
    sides = [field.parts[part] for field in (left, right)]
    if symbol in ("==", "!="):
        equal = _ARROW.equal(sides[0].texts, sides[1].texts)
        if left.live_dates and right.live_dates and not (left.is_id or right.is_id):
            # Where both hold numbers too, four digits may be one of them.
            least = DAY if left.live_numbers_in_texts and right.live_numbers_in_texts else 0
            equal = _or_same_date(equal, sides[0].dates, sides[1].dates, least)
        return _ARROW.invert(equal) if symbol == "!=" else equal
    if all(field.live_numbers_in_texts for field in (left, right)):
        raise alphabetical(left, symbol, f"the field {right.name!r:.200}")
    if left.live_dates and right.live_dates:
        matches = compare_dates(sides[0].dates, sides[1].dates, _NUMPY[symbol])
        return arrow_mask(matches, valid=sides[0].dates.valid & sides[1].dates.valid)
    for field, other in ((left, right), (right, left)):
        if field.live_local_dates and (other.live_local_dates or other.live_dates):
            raise not_iso(field, symbol, f"the field {other.name!r:.200}")
    return KERNELS[symbol](sides[0].texts, sides[1].texts)


def list_has(field: IndexField, part: int, item: str | int | float) -> NDArray[np.bool_]:
    """Whether an item is in the list, or is the value that stands in place of a list: bool of shape (rows,)."""
    values = field.parts[part]
    holds = np.zeros(values.rows, np.bool_)
    if isinstance(item, str):
        lists: list[tuple[Kind, pa.DataType, Any]] = [(Kind.TEXT_LISTS, pa.large_utf8(), item)]
        single = _ARROW.equal(values.texts, _text(item))
    else:
        whole = _whole("==", item)[1]
        lists = [] if isinstance(whole, bool) else [(Kind.INTEGER_LISTS, pa.int64(), whole)]
        lists.append((Kind.NUMBER_LISTS, pa.float64(), number_scalar(item, pa.float64()).as_py()))
        single = compare_numbers(field, part, "==", item)
    for kind, type_, value in lists:
        column = values.column(kind, pa.list_(type_))
        equal = _ARROW.equal(_ARROW.list_flatten(column), arrow_scalar(value, type_))
        # The null items of a list are dropped by the filter, so that they never make a row unknown.
        holds[array_of(_ARROW.list_parent_indices(column).filter(equal))] = True
    return holds | mask_of(single)


def where_valid(column: Any, *, result: bool) -> Any:  # noqa: ANN401 - Arrow arrays
    """The same result for all rows that have a value."""
    return _ARROW.if_else(column.is_valid(), arrow_scalar(result, pa.bool_()), arrow_scalar(None, pa.bool_()))


def number_scalar(value: int | float, type_: pa.DataType) -> Any:  # noqa: ANN401
    """A number as an Arrow scalar; as a float it is rounded, or infinite."""
    if type_ == pa.float64():
        try:
            value = float(value)
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
    return arrow_scalar(value, type_)


def _whole(symbol: str, number: int | float) -> tuple[str, int | bool]:
    """The same comparison for integers, with an int64, or with the bool that it comes to for every one of them.

    Arrow would compare an int64 with a float as floats, and fails where one of the integers is beyond 2**53.
    """
    if not INT64_MIN <= number <= INT64_MAX:
        return symbol, symbol == "!=" or symbol in (("<", "<=") if number > 0 else (">", ">="))
    if number == int(number):
        return symbol, int(number)
    if symbol in ("==", "!="):
        return symbol, symbol == "!="
    return ("<=", math.floor(number)) if symbol in ("<", "<=") else (">=", math.ceil(number))


def _or_same_date(equal: Any, left: Dates, right: Dates, least: int = 0) -> Any:  # noqa: ANN401
    """Add the rows whose dates are equal at the precision of both, which is at least ``least``."""
    precise = np.minimum(left.precision, right.precision) >= least
    return _ARROW.or_(equal, arrow_mask(compare_dates(left, right, np.equal) & precise))


def _text(value: str) -> Any:  # noqa: ANN401
    return arrow_scalar(value, pa.large_utf8())
