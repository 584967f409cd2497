"""Finds the columns that hold the id, the title and the text."""

from collections.abc import Collection
from pathlib import Path

from ...errors import SourceError
from .options import SourceOptions


def role_columns(options: SourceOptions, present: Collection[str]) -> tuple[str, str, str]:
    """Return the columns of the id, the title and the text, where a row has the columns ``present``.

    One that is there neither by the name that the user gave nor by a usual name has its usual name all the same.
    """
    default_id = "_id" if "_id" in present else "id"
    return (
        default_id if options.id_column is None else options.id_column,
        "title" if options.title_column is None else options.title_column,
        "text" if options.text_column is None else options.text_column,
    )


def check_columns(options: SourceOptions, present: Collection[str], source: Path) -> None:
    """Raise ``SourceError`` unless a table has the columns. An id and a title that nobody has named may be missing."""
    id_name, title_name, text_name = role_columns(options, present)
    needed = {id_name: options.id_column is not None, title_name: options.title_column is not None, text_name: True}
    missing = [name for name, is_needed in needed.items() if is_needed and name not in present]
    if missing:
        raise SourceError(
            f"{source} has no column {' and no column '.join(map(repr, missing))}, only {', '.join(present)}:"
            " name those to read with id_column, title_column and text_column"
        )
