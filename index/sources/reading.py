"""Reading: one pass over sources, in which every row and file becomes a document or is counted as left out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from xxhash import xxh3_128_digest

from ...errors import DocumentError, SourceError
from ...errors.counts import counted
from ..document import Document
from .accounting import ErrorSink, LeftOutKind, Tally, Unread
from .budget import Budget
from .columns import NoTexts
from .file_documents import text_document
from .made_ids import MadeIds
from .options import SourceOptions
from .places import JSON_ENDINGS, NamedSource, NotRead, SourceFile, check_columns_of, rows_of
from .rich import FileProblem, rich_documents
from .row_documents import document_of, lacks_id
from .rows import RowUnit, SourceRow
from .texts import PageError

HOW_TO_SKIP = "on_error='skip' (--skip-errors) leaves out what is bad, and lists it"


class Reading:
    """One pass.

    Attributes:
        fraction: The share that is read so far.
        line: Where the row of the latest document begins, counted in what its file consists of; None for a text file.
        lines: How many lines of its file that row takes.
    """

    def __init__(self, options: SourceOptions, log: ErrorSink | None, *, is_part: bool = False) -> None:
        """``log=None`` raises the first bad row or file. A part of a source may be without documents."""
        self.tally = Tally()
        self.unread = Unread()
        self.fraction = 0.0
        self.line: int | None = None
        self.lines = 1
        self._options = options
        self._log = log
        self._is_part = is_part
        self._ids = _KnownIds()
        self._made_ids = MadeIds()
        self._unseen = {*(options.metadata_columns or ()), *options.leave_out}  # until a row has them
        self._done = 0
        self._size = 1

    def documents(self, sources: Sequence[NamedSource]) -> Iterator[Document]:
        """Yield the documents of the sources.

        Raises:
            SourceError: A source cannot be read, or none of its rows is a document.
            DocumentError: A row is bad, where errors are not skipped.
        """
        if self._log is not None:
            self._log.begin()
        listed = [(source, source.entries()) for source in sources]
        files = [entry for _, entries in listed for entry in entries if isinstance(entry, SourceFile)]
        self._size = max(1, sum(file.size for file in files))
        for source, entries in listed[1:]:  # a mistake in the last file shows before the first ones are embedded
            for entry in entries:
                if not source.is_folder and isinstance(entry, SourceFile) and entry.has_rows:
                    self._check_columns(entry)
        for source, entries in listed:
            before, left_out = self.tally.documents, self.tally.left_out
            texts = sum(entry.size for entry in entries if isinstance(entry, SourceFile) and entry.is_text)
            budget = Budget(source.name, max(1, texts), self._options.max_bytes)
            for entry in entries:
                if isinstance(entry, NotRead):
                    self._pass_over(entry, source)
                    continue
                yield from self._file(entry, source, budget)
                self._done += entry.size
            if self.tally.documents == before and not self._is_part:
                raise self._nothing_in(source, self.tally.left_out - left_out)
        if not self._is_part:
            self._note_the_whole()
        self.fraction = 1.0

    def _note_the_whole(self) -> None:
        """Note what only all rows together tell."""
        if self._made_ids.distinguished:
            those = counted(self._made_ids.distinguished, "document has", "documents have")
            self.tally.note(f"{those} the title and text of another and other metadata, from which the id is made too")
        if self._unseen:
            names = ", ".join(map(repr, sorted(self._unseen)))
            self.tally.note(f"no row has {names}, which metadata_columns or leave_out names: check the spelling")

    def _file(self, file: SourceFile, source: NamedSource, budget: Budget) -> Iterator[Document]:
        if file.is_rich:
            return self._rich(file)
        return self._text(file, budget) if file.is_text else self._rows(file, source)

    def _check_columns(self, file: SourceFile) -> None:
        try:
            check_columns_of(file.path, file.ending, self._options)
        except SourceError as error:
            raise SourceError(str(error).replace(str(file.path), file.shown)) from error

    def _text(self, file: SourceFile, budget: Budget) -> Iterator[Document]:
        """Yield the document of a text file."""
        budget.spend(file.size)
        self.line, self.lines = None, 1
        self.tally.files += 1
        self._move(file, 1.0)
        try:
            document, note = text_document(file.path, file.name, file.ending, encoding=self._options.encoding)
            document = self._with_kept_metadata(document)
            self._ids.claim(document.id, file.shown, None)
        except PageError as error:
            self._refuse(error.kind, str(error), file.shown)
        except OSError as error:
            self.unread.add_file(file.name)
            self._refuse("file", f"the file cannot be read: {error.strerror or error}", file.shown)
        except DocumentError as error:
            self._refuse("row", error.reason, file.shown)
        else:
            if note:
                self.tally.note(f"{file.shown}: {note}")
            if file.ending == ".txt" and _is_table(document.text):
                self.tally.note(
                    f"{file.shown}: its lines are rows with tabs, and it is one text; --format tsv reads rows"
                )
            self.tally.documents += 1
            yield document

    def _rich(self, file: SourceFile) -> Iterator[Document]:
        """Yield the documents in the parts of a file."""
        self.line, self.lines = None, 1
        self.tally.files += 1
        self._move(file, 1.0)
        try:
            for document in rich_documents(file.path, file.name, file.ending, max_bytes=self._options.max_bytes):
                self._ids.claim(document.id, file.shown, None)
                self.tally.documents += 1
                yield self._with_kept_metadata(document)
        except FileProblem as error:
            self._refuse(error.kind, str(error), file.shown)
        except SourceError as error:
            self._refuse("size", str(error), file.shown)
        except OSError as error:
            self.unread.add_file(file.name)
            self._refuse("file", f"the file cannot be read: {error.strerror or error}", file.shown)
        except DocumentError as error:
            self._refuse("row", error.reason, file.shown)

    def _with_kept_metadata(self, document: Document) -> Document:
        """Leave out of the metadata of a file's document what the user does not want, but not its path."""
        self._unseen.difference_update(document.metadata)
        kept = {name: value for name, value in document.metadata.items() if name == "path" or self._options.keeps(name)}
        return document if len(kept) == len(document.metadata) else replace(document, metadata=kept)

    def _rows(self, file: SourceFile, source: NamedSource) -> Iterator[Document]:
        """Yield the documents in the rows of a file. In a folder one bad file does not spoil the others."""
        self.tally.files += 1
        try:
            yield from self._documents_in(file)
        except SourceError as error:
            reason = str(error).replace(str(file.path), file.shown)
            if source.is_folder and isinstance(error, NoTexts) and file.ending in JSON_ENDINGS:
                self.tally.leave_out("json", file.shown)
                return
            if not source.is_folder:
                raise SourceError(reason) from error
            self.unread.add_any()
            self._refuse("file", reason, file.shown)
        except OSError as error:
            if not source.is_folder:
                raise
            self.unread.add_any()
            self._refuse("file", f"the file cannot be read: {error.strerror or error}", file.shown)

    def _documents_in(self, file: SourceFile) -> Iterator[Document]:
        is_json = file.ending.startswith((".json", ".ndjson"))
        makes_ids = None if file.span is None else file.span.makes_ids  # None until the first good row tells
        row = None
        for row in rows_of(file, self._options):
            self._move(file, row.fraction)
            if row.note:
                self.tally.note(f"{file.shown}: {row.note}")
            if self._unseen:  # other readers check them by the columns of the file, and may leave some unread
                self._unseen.difference_update(row.values if is_json else tuple(self._unseen))
            if makes_ids is None and not row.problem:
                makes_ids = lacks_id(row.values, self._options)
            document = self._document(row, file, makes_ids=bool(makes_ids))
            if document is not None:
                self.line, self.lines = row.line, row.lines
                yield document
        if row is None and file.span is None:
            raise SourceError(f"{file.shown} holds no documents: is it the right file, and is it complete?")

    def _document(self, row: SourceRow, file: SourceFile, *, makes_ids: bool) -> Document | None:
        """Return the document in a row; None where the row is left out."""
        try:
            document = document_of(row, self._options, makes_ids=makes_ids)
            if self._options.keep_copies:
                document = replace(document, id=self._ids.numbered(document.id))
            elif makes_ids:
                distinct = self._made_ids.distinct(document)
                if distinct is None:
                    self.tally.leave_out("duplicate", _place(file.shown, row.line, row.unit))
                    return None
                document = distinct
            self._ids.claim(document.id, file.shown, row.line, row.unit)
        except DocumentError as error:
            self._refuse("row", error.reason, file.shown, row.line, unit=row.unit)
            return None
        self.tally.documents += 1
        self.tally.ids_made += makes_ids
        return document

    def _pass_over(self, entry: NotRead, folder: NamedSource) -> None:
        shown = f"{folder.name.rstrip('/')}/{entry.name}"
        if entry.problem:
            if entry.kind == "file":
                self.unread.add_any()
            self._refuse(entry.kind, entry.problem, shown)
        else:
            if entry.kind == "extra":
                self.unread.add_file(entry.name)
            self.tally.leave_out(entry.kind, shown)

    def _refuse(
        self, kind: LeftOutKind, reason: str, source: str, line: int | None = None, *, unit: RowUnit = "line"
    ) -> None:
        """Leave a bad row or file out, or raise the error for it."""
        if self._log is None:
            raise DocumentError(reason, source=source, line=line, remedy=HOW_TO_SKIP, unit=unit) from None
        self._log.write(source, line, reason, unit=unit)
        position = _place(source, line, unit)
        self.tally.leave_out(kind, position)
        self.tally.bad += 1
        self.tally.first_problem = self.tally.first_problem or f"{position}: {reason}"

    def _move(self, file: SourceFile, fraction: float) -> None:
        self.fraction = min(1.0, (self._done + file.size * fraction) / self._size)

    def _nothing_in(self, source: NamedSource, left_out: int) -> SourceError:
        first = f", the first of them {self.tally.first_problem}" if self.tally.first_problem else ""
        return SourceError(f"{source.name} holds no documents: all {left_out:,} rows and files are left out{first}")


def _is_table(text: str) -> bool:
    """Whether the first lines of a text all have the same number of tabs, as spreadsheets export "Unicode text"."""
    head = text[:_TABLE_CHARACTERS].splitlines()
    lines = [line for line in (head if len(text) < _TABLE_CHARACTERS else head[:-1]) if line.strip()]
    return len(lines) > 1 and lines[0].count("\t") > 0 and len({line.count("\t") for line in lines}) == 1


def _place(source: str, line: int | None, unit: RowUnit = "line") -> str:
    return source if line is None else f"{source}, {unit} {line}"


class _KnownIds:
    """The ids so far, and where each was read.

    Digests take about 100 bytes a document, however long the ids are, and those are often paths or addresses.
    """

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}  # the number of the file, and the line in it
        self._files: list[tuple[str, RowUnit]] = []
        self._copies: dict[bytes, int] = {}  # the highest number of each id that came several times

    def __contains__(self, document_id: str) -> bool:
        return xxh3_128_digest(document_id.encode()) in self._places

    def numbered(self, document_id: str) -> str:
        """Return an id that is not there yet: the one given, or with the lowest number from 2 that makes it new."""
        if document_id not in self:
            return document_id
        digest = xxh3_128_digest(document_id.encode())
        while True:
            self._copies[digest] = number = self._copies.get(digest, 1) + 1
            if (free := f"{document_id} ({number})") not in self:
                return free

    def claim(self, document_id: str, source: str, line: int | None, unit: RowUnit = "line") -> None:
        """Keep an id; one that is there already is a ``DocumentError`` that says where."""
        if not self._files or self._files[-1] != (source, unit):
            self._files.append((source, unit))
        digest = xxh3_128_digest(document_id.encode())
        if digest in self._places:
            number, line = divmod(self._places[digest], _MOST_LINES)
            source, unit = self._files[number]
            raise DocumentError(f"duplicate id {document_id!r}, which {_place(source, line or None, unit)} has too")
        self._places[digest] = (len(self._files) - 1) * _MOST_LINES + (line or 0)


_MOST_LINES = 2**40
_TABLE_CHARACTERS = 10_000
