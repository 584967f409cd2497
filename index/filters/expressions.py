"""Evaluates Arrow expressions on the metadata of segments."""

import re
from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import ArgumentError
from ..metadata import ARROW_TYPES
from .arrow_order import check_order
from .fields import MAX_FIELDS_SHOWN, NUMBERS, IndexField, IndexFields

_ROW_COUNT = "\0bicross.rows"  # a column that keeps the number of rows where there is no field
_MISSING_FIELD = re.compile(r"No match for FieldRef\.Name\((.*?)\) in ", re.DOTALL)


def evaluate_expression(fields: IndexFields, expression: pc.Expression) -> list[Any]:
    """Return a boolean Arrow array for each segment: what the expression says of its rows.

    A field has the type of most of its values; the others are null.

    Raises:
        ArgumentError: It names a field that no document has, cannot be evaluated, is not boolean, or would put dates or
            numbers in alphabetical order.
    """
    names: list[str] = []
    matches = [_evaluate(fields, part, expression, names) for part in range(len(fields.rows))]
    check_order([_field(fields, name) for name in names], expression)
    return matches


def _evaluate(fields: IndexFields, part: int, expression: pc.Expression, names: list[str]) -> Any:  # noqa: ANN401
    """Evaluate for one segment; the fields that it turns out to need are added to ``names``."""
    from pyarrow import acero  # imports pandas, which takes longer than most searches

    while True:
        source = acero.Declaration("table_source", acero.TableSourceNodeOptions(_table(fields, part, names)))
        project = acero.Declaration("project", acero.ProjectNodeOptions([expression], ["match"]))
        try:
            # On one thread, so that the rows stay in order.
            table: Any = acero.Declaration.from_sequence([source, project]).to_table(use_threads=False)
        except pa.ArrowException as error:
            missing = _MISSING_FIELD.match(str(error))
            if missing is not None and missing.group(1) not in names:
                names.append(_checked_name(fields, missing.group(1)))
                continue
            raise _failed(fields, expression, names, str(error).splitlines()[0]) from error
        result = table.column("match")
        if result.type != pa.bool_():
            raise ArgumentError(f"a filter says true or false for each document; {expression!s:.500} is {result.type}")
        return result


def _checked_name(fields: IndexFields, name: str) -> str:
    field = _field(fields, name)
    field.require_comparable()
    kinds = field.main_kinds
    fields.note_off(field, field.off(kinds), " and ".join(kinds))
    return name


def _field(fields: IndexFields, name: str) -> IndexField:
    return fields.ids() if name == "id" and not fields.field(name).exists else fields.find(name)


def _column(field: IndexField, part: int) -> Any:  # noqa: ANN401 - an Arrow array
    kinds = field.main_kinds
    return field.numbers(part) if kinds == NUMBERS else field.parts[part].column(kinds[0], ARROW_TYPES[kinds[0]])


def _table(fields: IndexFields, part: int, names: Sequence[str]) -> Any:  # noqa: ANN401
    arrow = cast(Any, pa)
    columns = {name: _column(_field(fields, name), part) for name in names}
    return arrow.table({**columns, _ROW_COUNT: arrow.nulls(fields.rows[part], pa.int8())})


def _failed(fields: IndexFields, expression: pc.Expression, names: Sequence[str], reason: str) -> ArgumentError:
    shown = [name for name in names if _field(fields, name).exists][:MAX_FIELDS_SHOWN]
    types = ", ".join(f"{name!r}: {_column(_field(fields, name), 0).type}" for name in shown)
    hint = ""
    if "no kernel matching input types" in reason:
        hint = ". A field is compared with values of its own type; dates are texts: pc.field('date') >= '2024-05-17'"
    return ArgumentError(f"the filter {expression!s:.500} cannot be evaluated: {reason}; the types are {types}{hint}")
