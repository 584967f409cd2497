"""``where`` as a filter of LanceDB, which is SQL."""

from datetime import datetime

from ....index.filters import Comparison, Contains, Field, Flag, IsNull, OneOf, Predicate
from ..stores import Clause, DateRange, FieldTest, Joined, Leaf, clause_of
from .columns import Columns


def sql_of(where: Predicate, columns: Columns) -> str:
    """Translate ``where``.

    Raises:
        ArgumentError: It cannot be parsed, names no column, or compares what cannot be compared.
    """
    return _clause(clause_of(where, columns.kinds), columns)


def _clause(clause: Clause, columns: Columns) -> str:
    match clause:
        case Joined((), every):
            return "true" if every else "false"
        case Joined(parts, every):
            return (" AND " if every else " OR ").join(f"({_clause(part, columns)})" for part in parts)
        case Leaf(test):
            numbers = columns.whole_numbers(test.field)
            whole = clause if numbers is None else numbers.clause(clause)
            return _tested(whole, columns) if isinstance(whole, Leaf) else _clause(whole, columns)


def _tested(tested: Leaf, columns: Columns) -> str:
    name = columns.sql(tested.test.field)
    if isinstance(tested.test, IsNull):
        return f"{name} IS NOT NULL" if tested.negated else f"{name} IS NULL"
    test = _test(tested.test, name, columns)
    return f"NOT ({test})" if tested.negated else test


def _test(test: FieldTest, name: str, columns: Columns) -> str:
    match test:
        case DateRange(_, low, high):
            limits = [] if low is None else [f"{name} >= {_moment(low)}"]
            limits += [] if high is None else [f"{name} < {_moment(high)}"]
            return " AND ".join(limits)
        case Flag() | IsNull():
            return name
        case OneOf(_, values):
            return f"{name} IN ({', '.join(map(literal, values))})"
        case Contains(_, item):
            return f"array_has({name}, {literal(item)})"
        case Comparison(_, symbol, Field() as other):
            return f"{name} {_operator(symbol)} {columns.sql(other)}"
        case Comparison(_, symbol, value):
            return f"{name} {_operator(symbol)} {literal(value)}"
        case _:
            return f"starts_with({name}, {literal(test.prefix)})"


def _operator(symbol: str) -> str:
    return "=" if symbol == "==" else symbol


def literal(value: object) -> str:
    """Write a value."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return repr(value)


def _moment(moment: datetime) -> str:
    return f"timestamp '{moment.replace(tzinfo=None).isoformat(sep=' ')}'"
