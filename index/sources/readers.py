"""DocumentReader: reads the documents of files and folders of every supported format.

What there is to read is found in ``places``; how a file becomes rows is known in ``separated``,
``json_files``, ``tables`` and ``texts``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args
from weakref import finalize

from ...errors import ArgumentError
from ...errors.arguments import checked_flag
from ..document import Document
from .accounting import BadRow, ErrorLog, SourceReport, Tally, Unread
from .budget import MaxBytes
from .options import ColumnType, SourceOptions
from .places import NamedSource, Scratch, SourceFile, find_source
from .reading import Reading

OnError = Literal["raise", "skip"]
SourcePath: TypeAlias = str | PathLike[str]


def read_documents(  # noqa: PLR0913 - each argument has a default, and most programs name none
    path: SourcePath | Sequence[SourcePath],
    *,
    format: str | None = None,  # noqa: A002 - the word that every user knows
    id_column: str | None = None,
    title_column: str | None = None,
    text_column: str | None = None,
    on_error: OnError = "raise",
    errors_path: SourcePath = "errors.jsonl",
    max_bytes: MaxBytes = "auto",
    delimiter: str | None = None,
    encoding: str | None = None,
    quotes: bool | None = None,
    columns: Sequence[str] | None = None,
    types: Mapping[str, ColumnType] | None = None,
    metadata_columns: Sequence[str] | None = None,
    leave_out: Sequence[str] = (),
    keep_copies: bool = False,
    gitignore: bool = False,
) -> "DocumentReader":
    """Read the documents of files and folders, one after the other and never all of them in memory.

    Reads JSON Lines, JSON, CSV and TSV (all of these also as gzip), Parquet, Arrow IPC, text, Markdown,
    reStructuredText, HTML, notebooks, source code, EPUB and e-mail, and with the extra ``files`` PDF, Word, PowerPoint
    and Excel; folders of them, and of a BEIR folder its corpus. The id is in the column ``_id`` or
    ``id``, the title in ``title`` and the text in ``text``, unless you name another; the remaining columns become
    metadata. Where a file has no column of ids, the id of each row is made from its title and text.

    Args:
        path: A file, a folder, ``-`` for standard input, or several of them.
        format: How a file is read whatever its name, such as ``"jsonl"``; standard input needs it.
        id_column: The column of the ids.
        title_column: The column of the titles.
        text_column: The column of the texts.
        on_error: ``"raise"`` stops at the first bad row or file; ``"skip"`` leaves it out and lists it.
        errors_path: Where that list goes, a line of JSON for each.
        max_bytes: What a file, or all texts of a folder, may decode to: by default 256 MiB or, if that is more, 200
            times its size, far more than texts do. None sets no limit, for sources that you trust with all of the
            memory.
        delimiter: The character between the fields of a CSV or TSV file; None: found in its first line.
        encoding: The encoding of a text that names none itself and is not UTF-8, as Python names it; None is UTF-8.
        quotes: Whether quotes enclose fields; None: they do in CSV files, and in TSV files only where that shows.
        columns: The names of the columns of a CSV or TSV file without a header.
        types: The type of some columns of a CSV or TSV file, each a ``ColumnType`` such as ``"float"`` or
            ``"day-first"``. A value that does not fit makes its row a bad one. The type of the others follows from all
            of their values.
        metadata_columns: The columns that become metadata; None: all that are not id, title or text.
        leave_out: Columns that do not become metadata, also of what other files have, such as ``modified``.
        keep_copies: Whether a row whose id is there already becomes a document too, with the id ``"ID (2)"`` and so on.
            Otherwise an id that comes twice is an error, and of rows without ids that have the same title and text the
            first counts.
        gitignore: Whether to leave out of folders what the ``.gitignore`` files in them and above them name, as git
            does; needs the extra ``files``.

    Raises:
        SourceError: A source is missing, empty, damaged or of an unknown kind, or none of its rows is a document: at
            once where that shows without reading it, else on the way, and with ``on_error="skip"`` too.
        DocumentError: On the way: a bad row or file, unless ``on_error="skip"``.
        ArgumentError: An argument cannot be used.
    """
    options = SourceOptions(
        id_column=id_column,
        title_column=title_column,
        text_column=text_column,
        delimiter=delimiter,
        encoding=encoding,
        quotes=quotes,
        columns=_names(columns),
        types=types or {},
        metadata_columns=_names(metadata_columns),
        leave_out=_names(leave_out) or (),
        max_bytes=max_bytes,
        keep_copies=keep_copies,
    )
    if on_error not in get_args(OnError):
        raise ArgumentError(f"on_error must be 'raise' or 'skip', not {on_error!r}")
    gitignore, paths, scratch = checked_flag(gitignore, "gitignore"), _paths(path), Scratch()
    log_path = _log_path(errors_path, paths) if on_error == "skip" else None
    ignored = () if log_path is None else (log_path,)
    try:
        find = partial(find_source, format_name=format, ignored=ignored, scratch=scratch.folder, gitignore=gitignore)
        sources = [find(named) for named in paths]
        _check_use(options, sources)
        log = None if log_path is None else ErrorLog(Path(errors_path))
    except BaseException:
        scratch.remove()
        raise
    reader = DocumentReader(sources, options, log)
    finalize(reader, scratch.remove)
    return reader


class DocumentReader(Iterable[Document]):
    """Reads its sources anew at every iteration; made by ``read_documents``.

    Attributes:
        fraction: The share of the sources that the latest iteration has read so far, from 0.0 to 1.0.
        line: Where the row of the document that it yielded last begins: a line, element or row of the file, counted
            from 1; None for a file that is one document.
        lines: How many lines of the file that row takes.
    """

    def __init__(self, sources: Sequence[NamedSource], options: SourceOptions, log: ErrorLog | None) -> None:
        """``log=None`` raises the first bad row."""
        self.fraction = 0.0
        self.line: int | None = None
        self.lines = 1
        self._sources = sources
        self._options = options
        self._log = log
        self._tally, self._unread = Tally(), Unread()
        self._account: tuple[SourceReport, int] | None = None

    @property
    def report(self) -> SourceReport:
        """What the latest iteration has read and left out so far."""
        return self._tally.report() if self._account is None else self._account[0]

    @property
    def skipped(self) -> int:
        """The number of bad rows and files that the latest iteration has left out."""
        return self._tally.bad if self._account is None else self._account[1]

    def take_account(self, report: SourceReport, bad: Sequence[BadRow]) -> None:
        """Take over what other processes have noted that read the parts of this source, instead of an iteration.

        Args:
            report: What they have read and left out.
            bad: The bad rows, which are listed where this reader lists them.
        """
        self.fraction, self._account = 1.0, (report, len(bad))
        if self._log is not None:
            self._log.begin()
            for row in bad:
                self._log.write(row.source, row.line, row.reason, unit=row.unit)

    @property
    def named_sources(self) -> Sequence[NamedSource]:
        """What is read."""
        return self._sources

    @property
    def options(self) -> SourceOptions:
        """How it is read."""
        return self._options

    @property
    def errors(self) -> ErrorLog | None:
        """Where bad rows are listed; None where the first one is an error."""
        return self._log

    def may_hold(self, document_id: str) -> bool:
        """Whether a document may be in a file or folder that is there, and that the latest iteration could not read."""
        return self._unread.may_hold(document_id)

    def __iter__(self) -> Iterator[Document]:
        reading = Reading(self._options, self._log)
        self._account = None
        self.fraction, self._tally, self._unread = 0.0, reading.tally, reading.unread
        for document in reading.documents(self._sources):
            self.fraction, self.line, self.lines = reading.fraction, reading.line, reading.lines
            yield document
        self.fraction = 1.0


def _paths(path: object) -> list[Path]:
    paths = cast("Sequence[object]", path) if isinstance(path, list | tuple) else [path]
    for named in paths:
        if not isinstance(named, str | PathLike):
            raise ArgumentError(
                f"read_documents takes the path of a file or folder, or a list of paths, not {type(named).__name__}:"
                f" {named!r:.80}; documents themselves go to build_index or add_documents as they are"
            )
    if not paths:
        raise ArgumentError("the list of paths is empty: name a file or a folder")
    if "" in paths:  # pathlib would take it for the folder that the program runs in
        raise ArgumentError("a path is empty: name a file or a folder, or . for the folder that you are in")
    if any("\0" in str(named) for named in paths):
        raise ArgumentError("a path has a NUL character, which no name of a file can have")
    return [Path(cast("SourcePath", named)) for named in paths]


def _log_path(errors_path: SourcePath, sources: Sequence[Path]) -> Path:
    path = Path(errors_path).resolve()
    named = {
        name.resolve() for source in sources for name in (source, source / "corpus.jsonl", source / "corpus.jsonl.gz")
    }
    if path in named:
        raise ArgumentError(f"errors_path is the source itself, which the list of bad rows would overwrite: {path}")
    return path


def _check_use(options: SourceOptions, sources: Sequence[NamedSource]) -> None:
    """Raise ``ArgumentError`` if options for CSV and TSV files are given, and there is no such file."""
    csv_only = [
        name for name in ("delimiter", "quotes", "columns", "types") if getattr(options, name) not in (None, {})
    ]
    files = (entry for source in sources for entry in source.entries() if isinstance(entry, SourceFile))
    if csv_only and not any(file.ending.startswith((".csv", ".tsv")) for file in files):
        shown = ", ".join(source.name for source in sources)
        raise ArgumentError(
            f"{csv_only[0]} is for CSV and TSV files, and there is none in {shown}; leave it out, or name the format"
            " (--format csv)"
        )


def _names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names as a tuple. What is not a list stays as it is and is refused, a string too: letters are not names."""
    unchecked: object = names
    is_list = isinstance(unchecked, Iterable) and not isinstance(unchecked, str)
    return tuple(cast("Iterable[str]", unchecked)) if is_list else cast("tuple[str, ...] | None", unchecked)
