"""SourceOptions: how the files of a source are to be read."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast, get_args

from ...errors import ArgumentError
from ...errors.arguments import checked_flag
from .budget import MaxBytes, check_max_bytes

ColumnType: TypeAlias = Literal[
    "text", "integer", "float", "decimal-comma", "boolean", "date", "day-first", "month-first"
]
"""What a column of a CSV or TSV file can hold.

Numbers such as ``1,234.5`` are a float; ``1.234,5`` has a decimal comma; both may have a currency. Dates have one
reading, as ``2024-12-31`` and ``31 Dec 2024``, or have the day or the month first, as in ``31.12.2024`` and
``12/31/24``; all may have a time.
"""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a user has said about a source. Every reader of a format gets it, and uses what concerns its format.

    Attributes:
        id_column: The column, key or field of the ids; None: ``_id`` or ``id``.
        title_column: That of the titles; None: ``title``, where there is one.
        text_column: That of the texts; None: ``text``.
        delimiter: What stands between the fields of a CSV or TSV file, one character; None: found in its first line.
        encoding: How texts are encoded, as Python names it; None: as a byte order mark tells, else UTF-8.
        quotes: Whether quotes enclose the fields of a CSV or TSV file; None: they do, but in TSV only where it shows.
        columns: The names of the columns of a CSV or TSV file that has no header; None: it has one.
        types: The type of some columns of a CSV or TSV file; the type of the others follows from their values.
        metadata_columns: The columns that become metadata; None: all that are not id, title or text.
        leave_out: Columns that do not become metadata.
        max_bytes: What the source may decode to: bytes, None for no limit, or ``"auto"``, which follows from its size.
        keep_copies: Whether a row whose id is there already, such as one with the content of another, is a
            document too, with a number at its id.

    Raises:
        ArgumentError: One of them cannot be used.
    """

    id_column: str | None = None
    title_column: str | None = None
    text_column: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    quotes: bool | None = None
    columns: tuple[str, ...] | None = None
    types: Mapping[str, ColumnType] = field(default_factory=dict[str, ColumnType], hash=False)
    metadata_columns: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] = ()
    max_bytes: MaxBytes = "auto"
    keep_copies: bool = False

    def __post_init__(self) -> None:
        check_max_bytes(self.max_bytes)
        checked_flag(self.keep_copies, "keep_copies")
        for name in ("id_column", "title_column", "text_column"):
            _check_optional_text(name, getattr(self, name))
        _check_delimiter(self.delimiter)
        _check_encoding(self.encoding)
        if not isinstance(cast("object", self.quotes), bool | None):
            raise ArgumentError(f"quotes must be True, False or None, not {self.quotes!r:.80}")
        if self.columns is not None:
            _check_names("columns", self.columns)
            if not self.columns:
                raise ArgumentError("columns is empty: name the columns of the file, or leave columns out")
            if len(set(self.columns)) < len(self.columns):
                raise ArgumentError(f"columns has one name twice: {', '.join(self.columns)}")
        if self.metadata_columns is not None:
            _check_names("metadata_columns", self.metadata_columns)
        _check_names("leave_out", self.leave_out)
        _check_types(self.types)

    def keeps(self, column: str) -> bool:
        """Whether a column becomes metadata, if it is not an id, title or text."""
        if self.metadata_columns is not None and column not in self.metadata_columns:
            return False
        return column not in self.leave_out


def _check_optional_text(name: str, value: object) -> None:
    if not isinstance(value, str | None):
        raise ArgumentError(f"{name} must be a string, not {value!r:.80}")


def _check_delimiter(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or len(value) != 1:
        raise ArgumentError(f"delimiter must be one character, such as ';' or a tab, not {value!r:.80}")
    if value in '"\r\n\0\ufeff':
        raise ArgumentError(f"delimiter cannot be {value!r}, which has a meaning of its own in such a file")


def _check_encoding(value: object) -> None:
    if value is None:
        return
    is_text = False
    if isinstance(value, str):
        try:
            codec = codecs.lookup(value)
        except (LookupError, ValueError):  # a ValueError is for a NUL in the name
            pass
        else:
            of_files = codec.name not in ("idna", "punycode")  # those are of names in the internet
            is_text = of_files and getattr(codec, "_is_text_encoding", True)
    if not is_text:
        raise ArgumentError(f"there is no text encoding {value!r:.80}; try 'utf-8', 'utf-16', 'cp1252' or 'gbk'")


def _check_names(argument: str, names: object) -> None:
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in cast("tuple[object, ...]", names)):
        raise ArgumentError(f"{argument} must be a list of names of columns, not {names!r:.80}")


def _check_types(types: object) -> None:
    if not isinstance(types, Mapping):
        raise ArgumentError(f"types must tell the type of columns by their names, not {types!r:.80}")
    for name, kind in cast("Mapping[object, object]", types).items():
        if not isinstance(name, str) or kind not in get_args(ColumnType):
            type_names = ", ".join(get_args(ColumnType))
            raise ArgumentError(f"types says {kind!r:.80} of the column {name!r:.80}; the types are {type_names}")
