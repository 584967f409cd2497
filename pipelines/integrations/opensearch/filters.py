"""``where`` as a query of OpenSearch."""

from datetime import datetime

from ....errors import ArgumentError
from ....index import Predicate
from ....index.filters import Comparison, Contains, Field, Flag, IsNull, OneOf
from ..stores import Clause, DateRange, FieldTest, Joined, Leaf, clause_of
from .mappings import ID, Fields

Query = dict[str, object]
_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def query_of(where: Predicate, fields: Fields) -> Query:
    """Translate ``where``.

    Raises:
        ArgumentError: It cannot be parsed, names no field, or OpenSearch cannot say it.
    """
    return _clause(clause_of(where, fields.kinds), fields)


def _clause(clause: Clause, fields: Fields) -> Query:
    match clause:
        case Joined((), every):
            return {"match_all": {}} if every else {"match_none": {}}
        case Joined(parts, every):
            queries = [_clause(part, fields) for part in parts]
            if every:
                return {"bool": {"filter": queries}}
            return {"bool": {"should": queries, "minimum_should_match": 1}}
        case Leaf(test):
            numbers = fields.whole_numbers(test.field)
            whole = clause if numbers is None else numbers.clause(clause)
            return _tested(whole, fields) if isinstance(whole, Leaf) else _clause(whole, fields)


def _tested(tested: Leaf, fields: Fields) -> Query:
    key = fields.key(tested.test.field)
    present: Query = {"exists": {"field": key}}
    if isinstance(tested.test, IsNull):
        return present if tested.negated else {"bool": {"must_not": [present]}}
    query = _test(tested.test, key)
    return {"bool": {"filter": [present], "must_not": [query]}} if tested.negated else query


def _test(test: FieldTest, key: str) -> Query:
    match test:
        case DateRange(_, low, high):
            bounds: Query = {} if low is None else {"gte": _moment(low)}
            bounds |= {} if high is None else {"lt": _moment(high)}
            return {"range": {key: bounds | {"format": "strict_date_optional_time"}}}
        case Flag() | IsNull():
            return {"term": {key: True}}
        case OneOf(_, values):
            return {"ids": {"values": list(values)}} if key == ID else {"terms": {key: list(values)}}
        case Contains(_, item):
            return {"term": {key: item}}
        case Comparison(_, _, Field() as other):
            raise ArgumentError(f"OpenSearch cannot compare a field with another one, {other.name!r:.200}")
        case Comparison(_, "==", value):
            return {"ids": {"values": [value]}} if key == ID else {"term": {key: value}}
        case _ if key == ID:
            raise ArgumentError("OpenSearch compares the ids of documents by == != and in alone")
        case Comparison(_, symbol, value):
            return {"range": {key: {_BOUNDS[symbol]: value}}}
        case _:
            return {"prefix": {key: {"value": test.prefix}}}


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
