"""Knows which files are read, by how their names end, and what to say of the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ....errors import ArgumentError, SourceError
from ..json_files import read_json, read_json_lines, read_json_lines_part
from ..options import SourceOptions
from ..rich import REMEDY, RICH_SUFFIXES, lacks_library
from ..rows import ReadRows, ReadSpan, SourceRow
from ..separated import check_csv, read_csv
from ..tables import read_arrow, read_parquet
from ..texts import TEXT_SUFFIXES
from .entries import SourceFile

JSON_ENDINGS = (".json", ".json.gz")
"""Of files that hold documents, or anything else."""
ROW_READERS: dict[str, ReadRows] = {
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"), read_json_lines),
    **dict.fromkeys(JSON_ENDINGS, read_json),
    **dict.fromkeys((".csv", ".tsv", ".csv.gz", ".tsv.gz"), read_csv),
    ".parquet": read_parquet,
    **dict.fromkeys((".arrow", ".feather", ".ipc"), read_arrow),
}


SPAN_READERS: dict[str, ReadSpan] = {
    **dict.fromkeys((".jsonl", ".ndjson"), read_json_lines_part),
    ".parquet": read_parquet,
    **dict.fromkeys((".arrow", ".feather", ".ipc"), read_arrow),
}
"""Of files that can be read from a row on."""


def rows_of(file: SourceFile, options: SourceOptions) -> Iterator[SourceRow]:
    """Return the rows of a file of rows, or of the part of it that is to be read."""
    if file.span is None:
        return ROW_READERS[file.ending](file.path, options)
    return SPAN_READERS[file.ending](file.path, options, file.span)


def check_columns_of(path: Path, ending: str, options: SourceOptions) -> None:
    """Check whether a file has the columns that it needs, by no more of it than that takes.

    Raises:
        SourceError: It has not.
    """
    if ROW_READERS[ending] is read_csv:
        check_csv(path, options)  # reading a row would read the whole file, for the types of its columns
    else:
        next(iter(ROW_READERS[ending](path, options)), None)


ENDINGS = (*ROW_READERS, *TEXT_SUFFIXES, *RICH_SUFFIXES)
KINDS = (
    "bicross reads JSONL, JSON, CSV and TSV (also as .gz), Parquet, Arrow, text, Markdown, reStructuredText,"
    " source code, notebooks, e-mail, EPUB, PDF, Word, PowerPoint, Excel and HTML; folders of such files; and a folder"
    " with a corpus.jsonl, of which it reads that file alone"
)
_AS_TEXT = "convert it to text, Markdown or HTML first"
_OTHERS = {
    **dict.fromkeys((".doc", ".odt", ".rtf"), ("a document of a word processor", f"save it as .docx, or {_AS_TEXT}")),
    **dict.fromkeys((".ppt", ".odp"), ("a presentation", f"save it as .pptx, or {_AS_TEXT}")),
    **dict.fromkeys((".xls", ".ods"), ("a spreadsheet", "save it as CSV or .xlsx first")),
    **dict.fromkeys((".zip", ".tar", ".7z"), ("an archive", "unpack it first, and name the folder")),
}


def ending_of(path: Path) -> str:
    """Return the supported ending of a file's name, in small letters, or ""."""
    endings = "".join(suffix.lower() for suffix in path.suffixes)
    return max((ending for ending in ENDINGS if endings.endswith(ending)), key=len, default="")


def ending_of_format(format_name: str) -> str:
    """Return the ending of files of a format, which a user has named, such as ``csv``."""
    name = cast("object", format_name)
    ending = f".{name.lower().removeprefix('.')}" if isinstance(name, str) else ""
    if ending not in ENDINGS:
        formats = ", ".join(ending.removeprefix(".") for ending in ENDINGS)
        raise ArgumentError(f"there is no format {format_name!r} (--format); the formats are {formats}")
    return ending


def check_library(path: Path, ending: str) -> None:
    """Raise ``SourceError`` where a file needs a library that is not installed."""
    if ending in RICH_SUFFIXES and lacks_library(ending):
        raise SourceError(f"{path} needs a library that is not installed: {REMEDY}")


def refusal(path: Path) -> SourceError:
    """Return the error for a file that is not read."""
    if path.suffix.lower() in _OTHERS:
        kind, remedy = _OTHERS[path.suffix.lower()]
        return SourceError(f"{path} is {kind}, which bicross does not read: {remedy}")
    return SourceError(
        f"{path} is of an unknown kind; {KINDS}; format (--format) names that of a file with another ending"
    )
