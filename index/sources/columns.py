"""Finds the columns that hold the id, the title and the text."""

from collections.abc import Collection
from pathlib import Path

from ...errors import SourceError
from .options import SourceOptions


class NoTexts(SourceError):
    """No row of a JSON file has the key of the texts."""


_MOST_NAMES = 30  # in a message


def role_columns(options: SourceOptions, present: Collection[str]) -> tuple[str, str, str]:
    """Return the columns of the id, the title and the text, where a row has the columns ``present``.

    A column that nobody has named is found by its usual name, in capitals too where that is unambiguous. One that is
    not there has its usual name all the same.
    """
    return (
        _find(("_id", "id"), present) if options.id_column is None else options.id_column,
        _find(("title",), present) if options.title_column is None else options.title_column,
        _find(("text",), present) if options.text_column is None else options.text_column,
    )


def has_columns(options: SourceOptions, present: Collection[str]) -> bool:
    """Whether a table has the columns it needs. An id and a title that nobody has named may be missing."""
    return not _missing(options, present)


def check_columns(options: SourceOptions, present: Collection[str], source: Path, *, hint: str = "") -> None:
    """Raise ``SourceError`` unless a table has the columns it needs, and those of which its metadata are to be made.

    Args:
        options: What the user has named.
        present: The columns of the table.
        source: The file.
        hint: What else may be wrong, for the message.
    """
    if missing := _missing(options, present):
        raise SourceError(
            f"{source} has no column {' and no column '.join(map(repr, missing))}, only {listed(present)}: name those"
            f" to read with id_column, title_column and text_column{hint}"
        )
    for argument, names in (("metadata_columns", options.metadata_columns or ()), ("leave_out", options.leave_out)):
        for name in names:
            if name not in present:
                raise SourceError(f"{source} has no column {name!r}, which {argument} names, only {listed(present)}")


def listed(names: Collection[str]) -> str:
    """Return names for a message, not too many of them."""
    shown = [f"{name:.80}" for name in list(names)[:_MOST_NAMES]]
    return ", ".join(shown) + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")


def _missing(options: SourceOptions, present: Collection[str]) -> list[str]:
    id_name, title_name, text_name = role_columns(options, present)
    needed = {id_name: options.id_column is not None, title_name: options.title_column is not None, text_name: True}
    return [name for name, is_needed in needed.items() if is_needed and name not in present]


def _find(usual: tuple[str, ...], present: Collection[str]) -> str:
    for name in usual:
        if name in present:
            return name
    alike = [name for name in present if name.strip().lower() in usual]
    return alike[0] if len(alike) == 1 else usual[-1]
