"""Brings the conditions of ``where`` into a form that the filters of stores can say.

A condition on a field that a record lacks holds neither as it is nor negated. So a negation is carried down to the
tests of single fields, where each store writes it as "has a value, and not this one".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ....errors import ArgumentError
from ....index import Predicate
from ....index.filters import (
    And,
    Comparison,
    Condition,
    Contains,
    Field,
    Flag,
    IsNull,
    Not,
    OneOf,
    Or,
    StartsWith,
    date_span,
    parse_predicate,
)
from .kinds import Kind, Kinds, require_comparable

_OPPOSITES = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class DateRange:
    """A test whether the date of a field is in a range.

    Attributes:
        field: The field.
        low: The first moment, in UTC; None has no lower limit.
        high: The moment after the last; None has no upper limit.
    """

    field: Field
    low: datetime | None
    high: datetime | None


FieldTest = Comparison | OneOf | Contains | StartsWith | IsNull | Flag | DateRange


@dataclass(frozen=True, slots=True)
class Leaf:
    """A test of one field; it never fits a record that lacks the field, except for ``IsNull``.

    Attributes:
        test: The test; a comparison is never ``!=``, and ``OneOf`` has a value.
        negated: Whether the field must have a value that fails it.
    """

    test: FieldTest
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Clauses of which all must hold, or one.

    Attributes:
        parts: The clauses; of none of them none holds.
        every: Whether all must hold.
    """

    parts: tuple["Clause", ...]
    every: bool


Clause = Leaf | Joined
NEVER = Joined((), every=False)
"""Holds nowhere."""


def clause_of(where: Predicate, kinds_of: Callable[[Field], Kinds]) -> Clause:
    """Parse ``where``, check what it compares, and bring it into the normal form.

    Args:
        where: The text.
        kinds_of: Returns the kinds of a field, and raises ``ArgumentError`` where there is no such field.

    Raises:
        ArgumentError: It is no text, cannot be parsed, or compares what cannot be compared.
    """
    if not isinstance(where, str):
        raise ArgumentError(
            "a store of another project takes no Arrow expression; write the filter as text, as in where='year >= 2020'"
        )
    condition = parse_predicate(where).condition
    require_comparable(condition, kinds_of)
    return _clause(condition, kinds_of, negated=False)


def _clause(condition: Condition, kinds_of: Callable[[Field], Kinds], *, negated: bool) -> Clause:
    match condition:
        case And(parts) | Or(parts):
            every = isinstance(condition, And) != negated
            return Joined(tuple(_clause(part, kinds_of, negated=negated) for part in parts), every)
        case Not(part):
            return _clause(part, kinds_of, negated=not negated)
        case OneOf(field, ()):
            return Leaf(IsNull(field), negated=True) if negated else NEVER
        case OneOf(field, values) if Kind.DATES in kinds_of(field):
            equal = (Comparison(field, "==", value) for value in values)
            return Joined(tuple(_comparison(one, kinds_of(field), negated=negated) for one in equal), every=negated)
        case Comparison():
            return _comparison(condition, kinds_of(condition.field), negated=negated)
        case _:
            return Leaf(condition, negated)


def _comparison(condition: Comparison, kinds: Kinds, *, negated: bool) -> Leaf:
    if condition.operator == "!=":
        condition, negated = replace(condition, operator="=="), not negated
    elif negated and condition.operator in _OPPOSITES:
        condition, negated = replace(condition, operator=_OPPOSITES[condition.operator]), False
    value = condition.value
    if isinstance(value, str) and Kind.DATES in kinds and (span := date_span(value)) is not None:
        return Leaf(_date_range(condition.field, condition.operator, *span), negated)
    return Leaf(condition, negated)


def _date_range(field: Field, symbol: str, begin: datetime, end: datetime) -> DateRange:
    """A date stands for all of its day, month or year, as in ``where`` on an index."""
    match symbol:
        case "<":
            return DateRange(field, None, begin)
        case "<=":
            return DateRange(field, None, end)
        case ">":
            return DateRange(field, end, None)
        case ">=":
            return DateRange(field, begin, None)
        case _:
            return DateRange(field, begin, end)


@dataclass(frozen=True, slots=True)
class WholeNumbers:
    """The whole numbers that a field can hold.

    Attributes:
        least: The least of them.
        most: The greatest.
    """

    least: int
    most: int

    def clause(self, tested: Leaf) -> Clause:
        """Return the same test of such a field, with numbers that it can hold."""
        match tested.test:
            case OneOf(field, values):
                kept = tuple(int(value) for value in values if not isinstance(value, str) and self._has(value))
                return Leaf(OneOf(field, kept), tested.negated) if kept else _always(field, holds=tested.negated)
            case Comparison(field, "==", int() | float() as value):
                if self._has(value):
                    return Leaf(Comparison(field, "==", int(value)), tested.negated)
                return _always(field, holds=tested.negated)
            case Comparison(field, symbol, int() | float() as value):
                return self._ordered(field, symbol, value)
            case _:
                return tested

    def _ordered(self, field: Field, symbol: str, value: int | float) -> Clause:
        is_less = symbol in ("<", "<=")
        if value > self.most or value < self.least:
            return _always(field, holds=(value > self.most) == is_less)
        if value == int(value):
            return Leaf(Comparison(field, symbol, int(value)))
        number = math.floor(value) if is_less else math.ceil(value)
        return Leaf(Comparison(field, "<=" if is_less else ">=", number))

    def _has(self, value: int | float) -> bool:
        return self.least <= value <= self.most and value == int(value)


def _always(field: Field, *, holds: bool) -> Clause:
    return Leaf(IsNull(field), negated=True) if holds else NEVER


def path_of(field: Field, metadata: str | None) -> tuple[str, ...]:
    """Return the names from the record to a field: ``author.name`` is a member of an object, unless it is quoted."""
    names = (field.name,) if field.is_quoted else tuple(field.name.split("."))
    return names if metadata is None else (*metadata.split("."), *names)
