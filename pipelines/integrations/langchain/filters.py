"""LangChain's filters of metadata, as dicts, to the text of ``where``."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pyarrow.compute as pc

from ....errors import ArgumentError
from ....errors.arguments import described
from ....index import Predicate
from .. import conditions

Filter = Predicate | Mapping[str, Any]
"""A ``where`` of bicross, or a dict such as ``{"year": {"$gte": 2020}, "source": "pubmed"}``."""

_COMPARISONS = {"$eq": "==", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_JOINS: dict[str, Callable[[list[str]], str]] = {"$and": conditions.all_of, "$or": conditions.any_of}
_MEMBERS = {"$in": "in", "$nin": "not in"}
_OPERATORS = (*_COMPARISONS, *_MEMBERS, "$exists", "$contains", "$between")


def where_of(given: Filter | None) -> Predicate | None:
    """Translate a filter.

    Args:
        given: The text or the Arrow expression of a ``where``; or a dict of values by field, in which a value may be a
            dict of ``$eq $ne $gt $gte $lt $lte $in $nin $exists $contains $between``, and ``$and``, ``$or`` and
            ``$not`` join dicts. None and ``{}`` filter nothing.

    Raises:
        ArgumentError: It is something else, such as a function, which an index cannot search by.
    """
    if given is None or isinstance(given, str | pc.Expression):
        return given
    if not isinstance(cast("object", given), Mapping):
        raise ArgumentError(
            "filter must be a dict, such as {'year': {'$gte': 2020}}, or a text, such as \"year >= 2020\", not "
            f"{described(given)}"
        )
    return _all(given) if given else None


def _all(given: Mapping[str, Any]) -> str:
    return conditions.all_of([_part(name, value) for name, value in given.items()])


def _part(name: str, value: Any) -> str:  # noqa: ANN401 - of any type
    if name in _JOINS:
        if not isinstance(value, list | tuple):
            raise ArgumentError(f"{name} in a filter joins a list of dicts, not {described(value)}")
        return _JOINS[name]([_all(_mapping(name, part)) for part in cast("list[Any]", value)])
    if name == "$not":
        return conditions.negated(_all(_mapping(name, value)))
    if isinstance(name, str) and name.startswith("$"):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"{name!r} is no operator before a field; those are $and, $or and $not")
    if isinstance(value, Mapping):
        tests = cast("Mapping[str, Any]", value)
        return conditions.all_of([_test(conditions.field(name), operator, tests[operator]) for operator in tests])
    return _test(conditions.field(name), "$eq", value)


def _test(field: str, operator: str, value: Any) -> str:  # noqa: ANN401 - of any type
    if value is None and operator in ("$eq", "$ne"):
        return f"{field} is {'not ' if operator == '$ne' else ''}None"
    if operator in _COMPARISONS:
        return f"{field} {_COMPARISONS[operator]} {conditions.literal(value)}"
    if operator in _MEMBERS:
        return f"{field} {_MEMBERS[operator]} {conditions.listed(value)}"
    match operator, value:
        case "$exists", bool():
            return f"{field} is {'not ' if value else ''}None"
        case "$contains", _:
            return f"{conditions.literal(value)} in {field}"
        case "$between", (low, high):
            return f"{field} >= {conditions.literal(low)} and {field} <= {conditions.literal(high)}"
        case _:
            raise ArgumentError(
                f"a filter cannot test by {operator!r} with {described(value)}; there are {', '.join(_OPERATORS)}"
            )


def _mapping(name: str, value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - of any type
    if not isinstance(value, Mapping) or not value:
        raise ArgumentError(f"{name} in a filter joins dicts that are not empty, not {described(value)}")
    return cast("Mapping[str, Any]", value)
