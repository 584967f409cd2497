"""Evaluates a predicate on the metadata of a segment.

A predicate is an Arrow expression, or the string form of ``predicates``. Nulls are SQL's: a comparison with a field
that a document does not have is neither true nor false, and neither is its ``not``, so that ``year != 2020`` and
``not year == 2020`` both pass over a document without a year. ``is None`` is the way to ask for one.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import acero

from ...errors import ArgumentError
from ..segments import INT64_MAX, INT64_MIN, ROWS, TEXT_LISTS, TYPE_NAMES, UNFILTERABLE, common_type, several_types
from .predicates import And, Comparison, Condition, Contains, Field, Filter, Flag, IsNull, Not, OneOf, Or, Value
from .predicates import parse_predicate as parse_predicate

Predicate = pc.Expression | str

MAX_FIELDS_SHOWN = 20
_ROWS_AT_ONCE = 1 << 16
_ROW_COUNT = "\0bicross.rows"  # a column that keeps the number of rows where there is no field
_MISSING_FIELD = re.compile(r"No match for FieldRef\.Name\((.*?)\) in ", re.DOTALL)
_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type
_KERNELS: dict[str, Callable[[Any, Any], Any]] = {
    "==": _ARROW.equal,
    "!=": _ARROW.not_equal,
    "<": _ARROW.less,
    "<=": _ARROW.less_equal,
    ">": _ARROW.greater,
    ">=": _ARROW.greater_equal,
}


@dataclass(frozen=True, slots=True)
class FieldTypes:
    """The fields of a whole index: the type of each that can be filtered by, and why the others cannot."""

    types: Mapping[str, pa.DataType]
    unfilterable: Mapping[str, str]


def unified_types(schemas: Iterable[pa.Schema]) -> FieldTypes:
    """The fields of all segments together, from the schemas of their metadata columns.

    A field of integers in one segment and of other numbers in another is float64. One whose types do not go together,
    or that is unfilterable in any segment, is so in the index.
    """
    types: dict[str, pa.DataType] = {}
    unfilterable: dict[str, str] = {}
    for schema in schemas:
        record = json.loads((schema.metadata or {}).get(UNFILTERABLE, b"{}"))
        unfilterable.update(cast(dict[str, str], record))
        for name, type_ in zip(schema.names, schema.types, strict=True):
            if name == ROWS:
                continue
            seen = {type_, types.get(name, type_)}
            common = common_type(seen)
            if common is None:
                unfilterable.setdefault(name, several_types(seen))
            else:
                types[name] = common
    return FieldTypes({name: types[name] for name in sorted(types.keys() - unfilterable.keys())}, unfilterable)


def matching(columns: pa.RecordBatch, predicate: Predicate | Filter, *, types: FieldTypes) -> NDArray[np.bool_]:
    """For each row of one segment's metadata columns whether the predicate is true there: bool of shape (rows,).

    ``types`` are the fields of the whole index, from ``unified_types``: one that this segment lacks is null in all of
    its rows. In a float64 field numbers are compared as float64, in an int64 field exactly; texts by code point, so
    that dates in the ISO form have their order. An Arrow expression means what Arrow says it does: in ``is_in``, for
    one, a null is simply not in the set.

    Raises ``ArgumentError`` where the predicate cannot be read, names a field that no segment has or that cannot be
    filtered by, compares a field with a value of another type, or is not boolean.
    """
    rows = _Rows(columns, types)
    match predicate:
        case str():
            found = rows.evaluate(parse_predicate(predicate).condition)
        case Filter():
            found = rows.evaluate(predicate.condition)
        case pc.Expression():
            found = _evaluate_expression(rows, predicate)
        case _:
            kind = type(predicate).__name__
            raise ArgumentError(f"a filter is a string or a pyarrow.compute.Expression, not {kind}: {predicate!r:.80}")
    return _ARROW.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False)


class _Rows:
    """The rows of one segment, and conditions over them: each becomes a boolean Arrow array, null where unknown."""

    def __init__(self, columns: pa.RecordBatch, types: FieldTypes) -> None:
        self.columns: Any = columns
        self.fields = types
        self.names = set(columns.schema.names) - {ROWS}

    def evaluate(self, condition: Condition) -> Any:  # noqa: ANN401 - Arrow's stubs leave it unknown
        match condition:
            case And(parts):
                return reduce(_ARROW.and_kleene, map(self.evaluate, parts))
            case Or(parts):
                return reduce(_ARROW.or_kleene, map(self.evaluate, parts))
            case Not(part):
                return _ARROW.invert(self.evaluate(part))
            case IsNull(field):
                return self._column(field).is_null()
            case Flag(field):
                if self._type(field) != pa.bool_():
                    raise ArgumentError(
                        f"{self._describe(field)} and is no condition on its own: compare it with a value"
                    )
                return self._column(field)
            case Contains(field, item):
                return self._contains(field, item)
            case OneOf(field, values):
                return self._one_of(field, values)
            case Comparison(field, symbol, value):
                return self._compare(field, symbol, value)

    def _compare(self, field: Field, symbol: str, value: Value | Field) -> Any:  # noqa: ANN401
        if isinstance(value, Field):
            return self._compare_fields(field, symbol, value)
        self._require(field, symbol, value)
        column = self._column(field)
        if column.type == pa.int64():
            symbol, value = _whole(symbol, cast("int | float", value))
            if isinstance(value, bool):
                return _where_valid(column, result=value)
        return _KERNELS[symbol](column, _scalar(value, column.type))

    def _compare_fields(self, field: Field, symbol: str, other: Field) -> Any:  # noqa: ANN401
        types = [self._type(field), self._type(other)]
        common = common_type(types)
        if common is None or common == TEXT_LISTS or (common == pa.bool_() and symbol not in ("==", "!=")):
            raise ArgumentError(
                f"{self._describe(field)} and cannot be compared ({symbol}) with {other.name!r}, "
                f"which holds {TYPE_NAMES[types[1]]}"
            )
        left, right = (self._column(side).cast(common, safe=False) for side in (field, other))
        return _KERNELS[symbol](left, right)

    def _one_of(self, field: Field, values: tuple[Value, ...]) -> Any:  # noqa: ANN401
        for value in values:
            self._require(field, "==", value)
        column = self._column(field)
        if not values:
            return _where_valid(column, result=False)
        if column.type == pa.int64():
            wholes = (_whole("==", cast("int | float", value))[1] for value in values)
            values = tuple(value for value in wholes if not isinstance(value, bool))
        scalars = [_scalar(value, column.type).as_py() for value in values]
        if 0.0 in scalars and column.type == pa.float64():
            scalars += [0.0, -0.0]  # Arrow's is_in looks at the bits
        found = _ARROW.is_in(column, cast(Any, pa).array(scalars, column.type))
        return _ARROW.if_else(column.is_valid(), found, cast(Any, pa).scalar(None, pa.bool_()))

    def _contains(self, field: Field, item: Value) -> Any:  # noqa: ANN401
        if self._type(field) != TEXT_LISTS:
            raise ArgumentError(
                f"{self._describe(field)}; {item!r:.80} can only be in a field of lists. Compare with =="
            )
        if not isinstance(item, str):
            raise ArgumentError(f"{self._describe(field)}, and {item!r:.80} is no text")
        column = self._column(field)
        equal = _ARROW.equal(_ARROW.list_flatten(column), _scalar(item, pa.large_utf8()))
        found = np.zeros(len(column), np.bool_)
        # The null items of a list are dropped by the filter, so that they never make a row unknown.
        found[_ARROW.list_parent_indices(column).filter(equal).to_numpy()] = True
        return cast(Any, pa).array(found, mask=column.is_null().to_numpy(zero_copy_only=False))

    def _require(self, field: Field, symbol: str, value: Value) -> None:
        """Raise ``ArgumentError`` unless the field's type can be compared so with the value."""
        type_ = self._type(field)
        match value:
            case bool():
                fits = type_ == pa.bool_() and symbol in ("==", "!=")
            case str():
                fits = type_ == pa.large_utf8()
            case _:
                fits = type_ in (pa.int64(), pa.float64())
        if not fits:
            hint = f"; write {value!r:.80} in {field.name}" if type_ == TEXT_LISTS and isinstance(value, str) else ""
            raise ArgumentError(f"{self._describe(field)} and cannot be compared ({symbol}) with {value!r:.80}{hint}")

    def _describe(self, field: Field) -> str:
        return f"the field {field.name!r} holds {TYPE_NAMES[self._type(field)]}"

    def _type(self, field: Field) -> pa.DataType:
        type_ = self.fields.types.get(field.name)
        if type_ is None:
            raise _no_field(field.name, self.fields)
        return type_

    def _column(self, field: Field) -> Any:  # noqa: ANN401
        """A field's values, in its type in the index."""
        type_ = self._type(field)
        if field.name not in self.names:
            return cast(Any, pa).nulls(self.columns.num_rows, type_)
        return self.columns.column(field.name).cast(type_, safe=False)


def _no_field(name: str, fields: FieldTypes) -> ArgumentError:
    if name in fields.unfilterable:
        return ArgumentError(f"the field {name!r} cannot be filtered by: {fields.unfilterable[name]}")
    known = ", ".join(map(repr, list(fields.types)[:MAX_FIELDS_SHOWN]))
    more = len(fields.types) - MAX_FIELDS_SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return ArgumentError(f"there is no field {name!r:.200} to filter by; there are: {known or 'none at all'}{rest}")


def _scalar(value: Value, type_: pa.DataType) -> Any:  # noqa: ANN401
    if type_ == pa.float64() and not isinstance(value, str):
        try:
            value = float(value)
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
    return cast(Any, pa).scalar(value, type_)


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


def _where_valid(column: Any, *, result: bool) -> Any:  # noqa: ANN401
    return _ARROW.if_else(column.is_valid(), result, cast(Any, pa).scalar(None, pa.bool_()))


def _evaluate_expression(rows: _Rows, expression: pc.Expression) -> Any:  # noqa: ANN401
    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(_table(rows)))
    project = acero.Declaration("project", acero.ProjectNodeOptions([expression], ["match"]))
    try:
        # On one thread, so that the rows stay in order.
        table: Any = acero.Declaration.from_sequence([source, project]).to_table(use_threads=False)
    except pa.ArrowException as error:
        missing = _MISSING_FIELD.match(str(error))
        if missing is not None:
            raise _no_field(missing.group(1), rows.fields) from None
        types = ", ".join(f"{name!r}: {type_}" for name, type_ in list(rows.fields.types.items())[:MAX_FIELDS_SHOWN])
        reason = str(error).splitlines()[0]
        raise ArgumentError(
            f"the filter {expression!s:.500} cannot be evaluated: {reason}; the types are {types}"
        ) from error
    found = table.column("match")
    if found.type != pa.bool_():
        raise ArgumentError(f"a filter says true or false for each document; {expression!s:.500} is {found.type}")
    return found


def _table(rows: _Rows) -> Any:  # noqa: ANN401
    """All fields of the index for this segment's rows; those that it lacks share one array of nulls for each type."""
    count, arrow = rows.columns.num_rows, cast(Any, pa)
    pieces = [min(_ROWS_AT_ONCE, count - start) for start in range(0, count, _ROWS_AT_ONCE)]
    nulls: dict[pa.DataType, Any] = {}
    columns: dict[str, Any] = {}
    for name, type_ in [*rows.fields.types.items(), (_ROW_COUNT, pa.int8())]:
        if name in rows.names:
            columns[name] = rows.columns.column(name).cast(type_, safe=False)
            continue
        if type_ not in nulls:
            piece = arrow.nulls(min(_ROWS_AT_ONCE, count), type_)
            nulls[type_] = arrow.chunked_array([piece.slice(0, length) for length in pieces], type_)
        columns[name] = nulls[type_]
    return arrow.table(columns)
