"""Makes documents of rows."""

from collections.abc import Mapping
from math import isnan
from numbers import Integral
from typing import cast

from ...errors import DocumentError
from ..document import Document, check_text
from .columns import role_columns
from .made_ids import made_id
from .options import SourceOptions
from .rows import SourceRow


def lacks_id(values: Mapping[str, object], options: SourceOptions) -> bool:
    """Whether a row has no column of ids, and the user has named none: then ids are made."""
    return options.id_column is None and role_columns(options, values)[0] not in values


def document_of(row: SourceRow, options: SourceOptions, *, makes_ids: bool) -> Document:
    """Return the document in a row.

    Args:
        row: The row.
        options: Which columns have which role.
        makes_ids: Whether the id is made from title and text.

    Raises:
        DocumentError: There is no document in the row.
    """
    if row.problem:
        raise DocumentError(row.problem)
    names = id_name, title_name, text_name = role_columns(options, row.values)
    document_id = "" if makes_ids else _id(row.values, id_name)
    if makes_ids and id_name in row.values:
        raise DocumentError(f"the row has an {id_name!r}, but the first row of its file has none: give all rows one")
    text = _text("text", row.values.get(text_name))
    title = "" if title_name == text_name else _text("title", row.values.get(title_name))
    if not text.strip() and not title.strip():
        raise DocumentError(f"no text: {text_name!r} and {title_name!r} are both missing or blank")
    further_values = {name: value for name, value in row.values.items() if name not in names and options.keeps(name)}
    return Document(document_id or made_id(title, text), text, title, _metadata(further_values))


def _metadata(columns: dict[str, object]) -> Mapping[str, object]:
    """Return the columns without a role of their own, together with the members of the object ``metadata``."""
    inner = columns.get("metadata")
    if isinstance(inner, Mapping):
        del columns["metadata"]
        members = cast("Mapping[str, object]", inner)
        if twice := members.keys() & columns:
            raise DocumentError(f"{min(twice)!r} is both in metadata and beside it")
        columns.update(members)
    return columns


def _id(values: Mapping[str, object], name: str) -> str:
    if name not in values:
        raise DocumentError(f"no id: the row has no {name!r}, only {', '.join(values)}")
    value = values[name]
    if isinstance(value, Integral) and value is not True and value is not False:  # those of numpy are not an int
        value = str(int(value))
    if not isinstance(value, str):
        raise DocumentError(f"no id: {name!r} must be a string or an integer, not {value!r:.80}")
    if not value.strip():
        raise DocumentError(f"no id: {name!r} is empty")
    if "\0" in value:
        raise DocumentError(f"the id {value!r} has a NUL character")
    return value


def _text(name: str, value: object) -> str:
    if value is None or (isinstance(value, float) and isnan(value)):  # as pandas has it where there is no text
        return ""
    check_text(name, value)
    return str(value).replace("\0", " ")
