"""``where`` as a filter of Qdrant."""

from uuid import UUID

from qdrant_client import models

from ....errors import ArgumentError
from ....index.filters import Comparison, Contains, Field, Flag, IsNull, OneOf
from ..stores import Clause, DateRange, FieldTest, Joined, Leaf, path_of

EXACT = 2**53
"""Qdrant compares numbers as float64; beyond this one whole numbers are not all different there."""
_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def payload_key(path: tuple[str, ...]) -> str:
    """Write the place of a field in a payload.

    Raises:
        ArgumentError: A name has a quotation mark, which no key of Qdrant has.
    """
    parts: list[str] = []
    for name in path:
        if '"' in name or not name:
            raise ArgumentError(f"Qdrant has no key for a field {name!r:.200}")
        plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
        parts.append(name if plain else f'"{name}"')
    return ".".join(parts)


def has_value(key: str) -> models.Filter:
    """Make the filter for the points whose payload has something at a place."""
    return models.Filter(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key=key))])


class Translator:
    """Makes filters.

    Args:
        metadata: The object that holds the metadata; None where there is none.
        id_path: The field that holds the id of a document; None where that is the id of the point.
    """

    def __init__(self, metadata: str | None, id_path: tuple[str, ...] | None) -> None:
        self._metadata = metadata
        self._id_path = id_path

    def key(self, field: Field) -> str | None:
        """Write the place of a field; None is the id of the point."""
        if field.name == "id" and not field.is_quoted:
            return None if self._id_path is None else payload_key(self._id_path)
        return payload_key(path_of(field, self._metadata))

    def translate(self, clause: Clause) -> models.Filter:
        """Translate a condition.

        Raises:
            ArgumentError: Qdrant cannot say it.
        """
        match clause:
            case Joined((), every):
                return models.Filter() if every else models.Filter(must=[models.HasIdCondition(has_id=[])])
            case Joined(parts, every):
                translated: list[models.Condition] = [self.translate(part) for part in parts]
                return models.Filter(must=translated) if every else models.Filter(should=translated)
            case Leaf(test, negated):
                return self._tested(test, self.key(test.field), negated=negated)

    def _tested(self, test: FieldTest, key: str | None, *, negated: bool) -> models.Filter:
        if key is None:
            condition: models.Condition = _has_id(test)
            return models.Filter(must_not=[condition]) if negated else models.Filter(must=[condition])
        if isinstance(test, IsNull):
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
            return has_value(key) if negated else models.Filter(must=[empty])
        condition = _condition(test, key)
        return (
            models.Filter(must=[has_value(key)], must_not=[condition]) if negated else models.Filter(must=[condition])
        )


def _condition(test: FieldTest, key: str) -> models.Condition:
    match test:
        case DateRange(_, low, high):
            return models.FieldCondition(key=key, range=models.DatetimeRange(gte=low, lt=high))
        case Flag():
            return models.FieldCondition(key=key, match=models.MatchValue(value=True))
        case OneOf(_, values):
            return models.Filter(should=[_equal(key, value) for value in values])
        case Contains(_, item):
            return _equal(key, item)
        case Comparison(value=Field() as other):
            raise ArgumentError(f"Qdrant cannot compare a field with another one, {other.name!r:.200}")
        case Comparison(_, "==", value):
            return _equal(key, value)
        case Comparison(field, symbol, value):
            return _ordered(key, field, symbol, value)
        case _:
            raise ArgumentError(f"Qdrant cannot say startswith({test.field.name}, ...): it has no test for that")


def _equal(key: str, value: object) -> models.Condition:
    if isinstance(value, bool | str):
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))
    if isinstance(value, int) and abs(value) > EXACT:
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))
    number = _number(value)
    return models.FieldCondition(key=key, range=models.Range(gte=number, lte=number))


def _ordered(key: str, field: Field, symbol: str, value: object) -> models.Condition:
    if isinstance(value, str):
        raise ArgumentError(
            f"Qdrant orders numbers and dates alone, and cannot say {field.name:.200} {symbol} {value!r:.200}: its "
            "first value, or this one, is no date like 2024-05-17"
        )
    if isinstance(value, int) and abs(value) > EXACT:
        raise ArgumentError(f"Qdrant compares numbers as float64, and {value} has more digits: compare with ==")
    return models.FieldCondition(key=key, range=models.Range.model_validate({_BOUNDS[symbol]: _number(value)}))


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _has_id(test: FieldTest) -> models.HasIdCondition:
    match test:
        case Comparison(_, "==", str() as id_):
            return models.HasIdCondition(has_id=_point_ids([id_]))
        case OneOf(_, values):
            return models.HasIdCondition(has_id=_point_ids([value for value in values if isinstance(value, str)]))
        case IsNull():
            return models.HasIdCondition(has_id=[])
        case _:
            raise ArgumentError("Qdrant compares the ids of points by == != and in alone")


def _point_ids(ids: list[str]) -> list[int | str | UUID]:
    """Return those that can be ids of points: whole numbers, or UUIDs."""
    found: list[int | str | UUID] = []
    for id_ in ids:
        if id_.isascii() and id_.isdecimal() and int(id_) < 2**64 and str(int(id_)) == id_:
            found.append(int(id_))
            continue
        try:
            UUID(id_)
        except ValueError:
            continue
        found.append(id_)
    return found
