"""The columns of a table of LanceDB: which kinds of values they hold, and how SQL names them."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from ....errors import ArgumentError
from ....index.filters import Field
from ..stores import Kind, Kinds, StoreFields, WholeNumbers, path_of

_TYPES: Any = pt  # the stubs do not know all of them


class Columns:
    """The columns of a table.

    Args:
        schema: The schema of the table.
        fields: Which columns hold what.
    """

    def __init__(self, schema: pa.Schema, fields: StoreFields) -> None:
        columns: Any = schema  # the stubs leave its types unknown
        self._columns: dict[str, Any] = {column.name: column.type for column in columns}
        self._fields = fields

    @property
    def without_vectors(self) -> list[str]:
        """The names of all columns that hold no vectors."""
        return [name for name, type_ in self._columns.items() if not _TYPES.is_fixed_size_list(type_)]

    def has(self, name: str) -> bool:
        """Whether there is a column, or a member of one, of a name."""
        return name in self._columns or self._type(tuple(name.split("."))) is not None

    def holds_texts(self, name: str) -> bool:
        """Whether a column, or a member of one, holds texts."""
        return _kind(self._columns.get(name, self._type(tuple(name.split("."))))) == Kind.TEXTS

    def names(self) -> str:
        """The names of the columns, for messages."""
        return ", ".join(map(repr, self._columns))

    def type_of(self, field: Field) -> Any:  # noqa: ANN401 - of Arrow
        """Return the type of a field.

        Raises:
            ArgumentError: There is no such field.
        """
        found = self._type(self._path(field))
        if found is None:
            names = _members(self._columns, self._fields)
            raise ArgumentError(f"there is no field {field.name!r:.200} to filter by; there are: {names}")
        return found

    def kinds(self, field: Field) -> Kinds:
        """Return the kind of a field."""
        return (_kind(self.type_of(field)),)

    def whole_numbers(self, field: Field) -> WholeNumbers | None:
        """Return which whole numbers a field can hold; None where it can hold others."""
        type_ = self.type_of(field)
        if not _TYPES.is_integer(type_):
            return None
        bits = type_.bit_width - (0 if _TYPES.is_unsigned_integer(type_) else 1)
        return WholeNumbers(0 if _TYPES.is_unsigned_integer(type_) else -(2**bits), 2**bits - 1)

    def sql(self, field: Field) -> str:
        """Write the name of a field.

        Raises:
            ArgumentError: There is no such field.
        """
        self.type_of(field)
        return ".".join(map(quoted, self._path(field)))

    def _path(self, field: Field) -> tuple[str, ...]:
        if field.name == "id" and not field.is_quoted:
            name = self._fields.id or ""
            return (name,) if name in self._columns else tuple(name.split("."))
        return path_of(field, self._fields.metadata)

    def _type(self, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - of Arrow
        found: Any = self._columns.get(path[0])
        for name in path[1:]:
            if found is None or not _TYPES.is_struct(found):
                return None
            place = found.get_field_index(name)
            found = found.field(place).type if place >= 0 else None
        return found


def quoted(name: str) -> str:
    """Write the name of a column in SQL.

    Raises:
        ArgumentError: It has the mark that quotes names, which LanceDB does not read within one.
    """
    if "`" in name:
        raise ArgumentError(f"LanceDB cannot ask for the column {name!r:.200}: its name has the mark `")
    return f"`{name}`"


def _members(columns: dict[str, Any], fields: StoreFields) -> str:
    names: Iterable[str] = columns
    if fields.metadata is not None and _TYPES.is_struct(columns.get(fields.metadata)):
        names = (member.name for member in columns[fields.metadata])
    return ", ".join(map(repr, names))


def _kind(type_: Any) -> Kind:  # noqa: ANN401 - of Arrow
    if _TYPES.is_dictionary(type_):
        type_ = type_.value_type
    if _TYPES.is_list(type_) or _TYPES.is_large_list(type_):
        inside = _kind(type_.value_type)
        return {Kind.TEXTS: Kind.TEXT_LISTS, Kind.NUMBERS: Kind.NUMBER_LISTS}.get(inside, Kind.OTHER)
    tests = {
        Kind.TEXTS: ("is_string", "is_large_string", "is_string_view"),
        Kind.NUMBERS: ("is_integer", "is_floating"),
        Kind.BOOLEANS: ("is_boolean",),
        Kind.DATES: ("is_date", "is_timestamp"),
        Kind.OBJECTS: ("is_struct",),
    }
    for kind, names in tests.items():
        if any(getattr(_TYPES, name)(type_) for name in names):
            return kind
    return Kind.OTHER
