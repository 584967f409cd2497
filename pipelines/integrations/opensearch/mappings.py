"""The fields of an index of OpenSearch, as its mapping declares them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ....errors import ArgumentError, StoreError
from ....index.filters import Field
from ..stores import Kind, Kinds, StoreFields, WholeNumbers, path_of

_TEXTS = ("keyword", "constant_keyword", "wildcard")
_WHOLE = {
    **{name: WholeNumbers(-(2**bits), 2**bits - 1) for name, bits in (("byte", 7), ("short", 15), ("integer", 31))},
    "long": WholeNumbers(-(2**63), 2**63 - 1),
    "unsigned_long": WholeNumbers(0, 2**64 - 1),
}
_NUMBERS = (*_WHOLE, "double", "float", "half_float", "scaled_float")
_DATES = ("date", "date_nanos")
ID = "_id"
"""The key of a document."""


@dataclass(frozen=True, slots=True)
class VectorField:
    """How the vectors of a field are made.

    Attributes:
        dimension: Of each.
        space: The name of the distance.
        engine: What searches them.
    """

    dimension: int
    space: str
    engine: str


class Fields:
    """The fields of one index, or of several that a name stands for, which must agree.

    Args:
        properties: The properties of the mapping of each index, by the name of the index.
        fields: Which fields hold what.
    """

    def __init__(self, properties: Mapping[str, Mapping[str, object]], fields: StoreFields) -> None:
        self._properties = properties
        self._fields = fields

    def vector(self, name: str) -> VectorField:
        """Return how the vectors of a field are made.

        Raises:
            StoreError: It holds none, or the indices do not agree.
        """
        found = {index: _vector(index, name, _declared(own, name)) for index, own in self._properties.items()}
        different = set(found.values())
        if len(different) > 1:
            raise StoreError(f"the indices {', '.join(found)} differ in how the vectors of {name!r} are made")
        return next(iter(different))

    def require(self, name: str, argument: str) -> None:
        """Check that every index has a field.

        Raises:
            StoreError: One has not.
        """
        for index, own in self._properties.items():
            if _declared(own, name) is None:
                names = ", ".join(map(repr, own))
                raise StoreError(
                    f"the index {index!r} has no field {name!r}; there are: {names}. Name the right one: "
                    f"StoreFields({argument}=...)"
                )

    def key(self, field: Field) -> str:
        """Return the name of a field in a query: ``_id`` for the document's own, a sub-field of a full text."""
        return self._found(field)[0]

    def kinds(self, field: Field) -> Kinds:
        """Return the kinds of a field; OpenSearch has one type for a value and for a list of them."""
        type_ = self._found(field)[1]
        if type_ == ID:
            return (Kind.TEXTS,)
        if type_ in _TEXTS:
            return (Kind.TEXTS, Kind.TEXT_LISTS)
        if type_ in _NUMBERS:
            return (Kind.NUMBERS, Kind.NUMBER_LISTS)
        if type_ in _DATES:
            return (Kind.DATES,)
        return ({"boolean": Kind.BOOLEANS, "object": Kind.OBJECTS}.get(type_, Kind.OTHER),)

    def whole_numbers(self, field: Field) -> WholeNumbers | None:
        """Return which whole numbers a field can hold; None where it can hold others."""
        return _WHOLE.get(self._found(field)[1])

    def _found(self, field: Field) -> tuple[str, str]:
        """Return the name of a field in a query, and its type."""
        name = self._name(field)
        if name == ID:
            return ID, ID
        found = {_filterable(own, name) for own in self._properties.values()} - {None}
        if not found:
            names = ", ".join(sorted({repr(name) for own in self._properties.values() for name in own}))
            raise ArgumentError(f"there is no field {field.name!r:.200} to filter by; there are: {names}")
        if len(found) > 1:
            raise ArgumentError(f"the indices differ in what the field {field.name!r:.200} holds")
        key, type_ = cast("tuple[str, str]", found.pop())
        if type_ == "text":
            raise ArgumentError(
                f"the field {field.name!r:.200} is a full text, which OpenSearch does not compare: map it as a keyword "
                "too"
            )
        return key, type_

    def _name(self, field: Field) -> str:
        if field.name == "id" and not field.is_quoted:
            return self._fields.id or ID
        return ".".join(path_of(field, self._fields.metadata))


def _declared(properties: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    """Return what a mapping says of a field, or of a member of an object."""
    if isinstance(own := properties.get(name), Mapping):
        return cast("Mapping[str, object]", own)
    first, _, rest = name.partition(".")
    inside = properties.get(first)
    members = cast("Mapping[str, object]", inside).get("properties") if isinstance(inside, Mapping) else None
    return _declared(cast("Mapping[str, object]", members), rest) if rest and isinstance(members, Mapping) else None


def _filterable(properties: Mapping[str, object], name: str) -> tuple[str, str] | None:
    declared = _declared(properties, name)
    if declared is None:
        return None
    type_ = str(declared.get("type", "object"))
    sub_fields = declared.get("fields")
    if type_ == "text" and isinstance(sub_fields, Mapping):
        for sub_name, sub_field in cast("Mapping[str, Mapping[str, object]]", sub_fields).items():
            if sub_field.get("type") in _TEXTS:
                return f"{name}.{sub_name}", str(sub_field["type"])
    return name, type_


def _vector(index: str, name: str, declared: Mapping[str, object] | None) -> VectorField:
    if declared is None or declared.get("type") != "knn_vector":
        held = "no such field" if declared is None else f"a field of type {declared.get('type')!r}"
        raise StoreError(f"the index {index!r} has {held}: vector={name!r} must name one of type 'knn_vector'")
    method = declared.get("method")
    described = cast("Mapping[str, object]", method if isinstance(method, Mapping) else {})
    space = described.get("space_type") or declared.get("space_type") or "l2"
    dimension = declared.get("dimension")
    if not isinstance(dimension, int):
        raise StoreError(f"the index {index!r} does not say the dimension of {name!r}, which a model of its own makes")
    return VectorField(dimension, str(space), str(described.get("engine") or ""))
