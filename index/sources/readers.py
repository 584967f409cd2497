"""DocumentReader: reads the documents of a file or folder of any supported format.

How a file becomes rows is known in ``formats``, ``tables`` and ``text_files``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, cast, get_args

from xxhash import xxh3_128_digest

from ...errors import ArgumentError, DocumentError, SourceError
from ..document import Document, check_text
from .budget import MaxBytes
from .columns import check_columns, role_columns
from .formats import read_csv, read_json_lines
from .options import ColumnType, SourceOptions
from .rows import ReadRows, SourceRow
from .tables import read_arrow, read_parquet
from .text_files import TEXT_SUFFIXES, read_text, read_text_folder, text_files

OnError = Literal["raise", "skip"]

_FORMATS: dict[str, ReadRows] = {
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"), read_json_lines),
    **dict.fromkeys((".csv", ".tsv", ".csv.gz", ".tsv.gz"), read_csv),
    ".parquet": read_parquet,
    **dict.fromkeys((".arrow", ".feather", ".ipc"), read_arrow),
    **dict.fromkeys(TEXT_SUFFIXES, read_text),
}
_KINDS = (
    f"bicross reads files that end in {', '.join(_FORMATS)}, a folder with a corpus.jsonl,"
    f" and a folder of {', '.join(TEXT_SUFFIXES)} files"
)
_METADATA_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_CORPORA = ("corpus.jsonl", "corpus.jsonl.gz")


def read_documents(  # noqa: PLR0913 - each argument has a default, and most programs name none
    path: str | PathLike[str],
    *,
    id_column: str | None = None,
    title_column: str | None = None,
    text_column: str | None = None,
    on_error: OnError = "raise",
    errors_path: str | PathLike[str] = "errors.jsonl",
    max_bytes: MaxBytes = "auto",
    delimiter: str | None = None,
    encoding: str | None = None,
    columns: Sequence[str] | None = None,
    types: Mapping[str, ColumnType] | None = None,
    metadata_columns: Sequence[str] | None = None,
    leave_out: Sequence[str] = (),
) -> "DocumentReader":
    """The documents of a file or a folder, one after the other and never all of them in memory.

    Reads JSON Lines, CSV and TSV with a header (all three also as gzip), Parquet, Arrow IPC, a BEIR folder, and text,
    Markdown, reStructuredText and HTML, as one file or as a folder of them. The id is in the column ``_id`` or ``id``,
    the title in ``title`` and the text in ``text``, unless you name another; the remaining columns become metadata.

    A bad row raises ``DocumentError``; with ``on_error="skip"`` it is counted, described by a line in ``errors_path``,
    and passed over. A source that is missing, empty, damaged or of an unknown kind raises ``SourceError``: at once
    where that shows without reading it, else on the way.

    So does a source that decodes to more than ``max_bytes``: by default 256 MiB or, if that is more, 200 times its
    size, far more than texts do. None sets no limit, for sources that you trust with all of the memory.
    """
    options = SourceOptions(
        id_column=id_column,
        title_column=title_column,
        text_column=text_column,
        delimiter=delimiter,
        encoding=encoding,
        columns=_names(columns),
        types=types or {},
        metadata_columns=_names(metadata_columns),
        leave_out=_names(leave_out) or (),
        max_bytes=max_bytes,
    )
    if on_error not in get_args(OnError):
        raise ArgumentError(f"on_error must be 'raise' or 'skip', not {on_error!r}")
    source, read = _find_format(Path(path))
    log_path = Path(errors_path).resolve() if on_error == "skip" else None
    if log_path == source.resolve():
        raise ArgumentError(f"errors_path is the source itself, which the list of bad rows would overwrite: {log_path}")
    return DocumentReader(source, read, options, log_path)


class DocumentReader(Iterable[Document]):
    """Reads a source anew at every iteration; made by ``read_documents``.

    ``skipped`` counts the bad rows of the latest iteration, and ``fraction`` is the share of the source that it has
    read so far, from 0.0 to 1.0.
    """

    def __init__(self, source: Path, read: ReadRows, options: SourceOptions, log_path: Path | None) -> None:
        self.skipped = 0
        self.fraction = 0.0
        self._source = source
        self._read = read
        self._options = options
        self._log_path = log_path  # None raises the first bad row

    def __iter__(self) -> Iterator[Document]:
        self.skipped, self.fraction = 0, 0.0
        # Digests take about 100 bytes a document, however long the ids are, and those are often paths or addresses.
        seen: set[bytes] = set()
        for row in self._rows():
            self.fraction = row.fraction
            try:
                document = _document(row, self._options)
                _claim(document.id, seen)
            except DocumentError as error:
                self._refuse(DocumentError(error.reason, source=row.source, line=row.line))
            else:
                yield document
        self.fraction = 1.0

    def _rows(self) -> Iterator[SourceRow]:
        row = None
        is_checked = self._read is read_json_lines  # where every row names its own columns
        for row in self._read(self._source, self._options):
            if not is_checked and not row.problem:
                check_columns(self._options, row.values, self._source)
                is_checked = True
            yield row
        if row is None:
            raise SourceError(f"{self._source} holds no documents: is it the right file, and is it complete?")

    def _refuse(self, error: DocumentError) -> None:
        if self._log_path is None:
            raise error from None
        with self._log_path.open("a" if self.skipped else "w", encoding="utf-8") as log:
            log.write(json.dumps({"source": error.source, "line": error.line, "reason": error.reason}) + "\n")
        self.skipped += 1


def _document(row: SourceRow, options: SourceOptions) -> Document:
    """The document in a row. Raises ``DocumentError`` where there is none."""
    if row.problem:
        raise DocumentError(row.problem)
    names = id_name, title_name, text_name = role_columns(options, row.values)
    document_id = _id(row.values, id_name)
    text = _text("text", row.values.get(text_name))
    title = "" if title_name == text_name else _text("title", row.values.get(title_name))
    if not text.strip() and not title.strip():
        raise DocumentError(f"no text: {text_name!r} and {title_name!r} are both missing or blank")
    rest = {name: value for name, value in row.values.items() if name not in names and options.keeps(name)}
    return Document(document_id, text, title, _metadata(rest))


def _names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names as a tuple. A single string stays what it is, so that it is refused and not taken for letters."""
    return cast("tuple[str, ...]", names) if names is None or isinstance(names, str) else tuple(names)


def _id(values: Mapping[str, object], name: str) -> str:
    if name not in values:
        raise DocumentError(f"no id: the row has no {name!r}, only {', '.join(values)}")
    value = values[name]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise DocumentError(f"no id: {name!r} must be a string or an integer, not {value!r:.80}")
    if not value.strip():
        raise DocumentError(f"no id: {name!r} is empty")
    if "\0" in value:
        raise DocumentError(f"the id {value!r} has a NUL character")
    return value


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    check_text(name, value)
    return str(value).replace("\0", " ")


def _metadata(columns: dict[str, object]) -> Mapping[str, object]:
    """The columns without a role of their own, together with the members of the object ``metadata``."""
    inner = columns.get("metadata")
    if isinstance(inner, Mapping):
        del columns["metadata"]
        members = cast("Mapping[str, object]", inner)
        if twice := members.keys() & columns:
            raise DocumentError(f"{min(twice)!r} is both in metadata and beside it")
        columns.update(members)
    try:
        check_text("metadata", _METADATA_ENCODER.encode(columns))
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"metadata cannot be written as JSON: {error}") from None
    return columns


def _claim(document_id: str, seen: set[bytes]) -> None:
    digest = xxh3_128_digest(document_id.encode())
    if digest in seen:
        raise DocumentError(f"duplicate id {document_id!r}")
    seen.add(digest)


def _find_format(path: Path) -> tuple[Path, ReadRows]:
    """The file or folder to read, and the generator that reads it."""
    if not path.exists():
        raise SourceError(f"there is no {path}; {_KINDS}")
    if path.is_dir():
        corpus = next((path / name for name in _CORPORA if (path / name).exists()), None)
        if corpus is None:
            if next(text_files(path), None) is None:
                raise SourceError(f"the folder {path} holds no documents; {_KINDS}")
            return path, read_text_folder
        path = corpus
    kinds = "".join(suffix.lower() for suffix in path.suffixes)
    read = next((read for kind, read in _FORMATS.items() if kinds.endswith(kind)), None)
    if read is None:
        raise SourceError(f"{path} is of an unknown kind; {_KINDS}")
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty; {_KINDS}")
    return path, read
