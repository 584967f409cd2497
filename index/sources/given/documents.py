"""GivenDocuments: the documents in texts, dicts and tables that a program has."""

import logging
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from os import PathLike
from typing import Protocol, TypeAlias, cast

from ....errors import ArgumentError, DocumentError
from ....errors.arguments import checked_flag
from ...document import Document, check_text
from ..made_ids import MadeIds, made_id
from ..options import SourceOptions
from ..row_documents import document_of, lacks_id
from ..rows import SourceRow
from .frames import frame_rows, is_frame

_EXPECTED = "documents, strings, dicts with a 'text', or a table (pandas, polars, Arrow)"
_OPTIONS = SourceOptions()
_LOG = logging.getLogger(__name__)


class ArrowTable(Protocol):
    """A table that can be read as Arrow: a DataFrame of pandas or polars, a table of Arrow, and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


DocumentsLike: TypeAlias = Iterable[Document | str | Mapping[str, object]] | ArrowTable
"""What can be indexed: documents, texts, dicts as the rows of a JSON Lines file, or a table."""


class GivenDocuments(Iterable[Document]):
    """Makes documents of what a program has, anew at every iteration; made by ``given_documents``.

    Attributes:
        ids_made: How many documents of the latest iteration got an id that was made from title and text.
        duplicates: How many were left out because one with the same content came before.
    """

    def __init__(self, values: object, *, keep_copies: bool = False) -> None:
        self.ids_made = 0
        self.duplicates = 0
        self._values = values
        self._keep_copies = keep_copies

    def __length_hint__(self) -> int:
        """How many there may be, for a progress bar; 0 where that is not known."""
        return operator.length_hint(self._values, 0)

    def __iter__(self) -> Iterator[Document]:
        self.ids_made = self.duplicates = 0
        made: dict[str, int] = {}
        made_ids = MadeIds()
        frame = is_frame(self._values)
        values = frame_rows(self._values) if frame else cast("Iterable[object]", self._values)
        for number, value in enumerate(values):
            document, is_made = _document(value, f"row {number} of the table" if frame else f"documents[{number}]")
            if is_made and not self._keep_copies:
                distinct = made_ids.distinct(document)
                if distinct is None:
                    self.duplicates += 1
                    continue
                document = distinct
            if is_made:
                self.ids_made += 1
                made[document.id] = copies = made.get(document.id, 0) + 1
                document = document if copies == 1 else replace(document, id=f"{document.id} ({copies})")
            yield document
        if self.duplicates:
            _LOG.warning("left out %d documents with the content of another, and no id", self.duplicates)
        if self.ids_made:
            _LOG.info("made the ids of %d documents from title and text", self.ids_made)


def given_documents(documents: DocumentsLike, *, keep_copies: bool = False) -> Iterable[Document]:
    """Return the documents in what a program has.

    Strings are texts. Dicts and the rows of a table have an ``id`` or ``_id``, a ``title`` and a ``text`` as the rows
    of a file do; the rest is metadata. Where there is no id it is made from title and text. Of those with the same
    title and text the first has that id, others have one that is made from their metadata too, and copies are left out.

    Args:
        documents: What the program has.
        keep_copies: Whether those after the first are documents too, with the ids ``"ID (2)"`` and so on.

    Raises:
        ArgumentError: It is nothing that holds documents, such as a path or a single document.
    """
    is_reader = hasattr(documents, "fraction") and not is_frame(documents)  # a table may have a column of that name
    if is_reader or isinstance(documents, GivenDocuments):
        return cast("Iterable[Document]", documents)
    _check(documents)
    return GivenDocuments(documents, keep_copies=checked_flag(keep_copies, "keep_copies"))


def _check(values: object) -> None:
    match values:
        case str() | PathLike() | bytes():
            problem = (
                f"not the {'text or path' if isinstance(values, str) else 'path'} {values!r:.80}: read_documents(path) "
            )
            problem += "reads files, and a single text stands in a list"
        case Document() | Mapping():
            problem = f"not a single {'document' if isinstance(values, Document) else 'dict'}: put it into a list"
        case _ if is_frame(values) or isinstance(values, Iterable):
            return
        case _:
            problem = f"not {type(values).__name__}: {values!r:.80}"
    raise ArgumentError(f"documents must be {_EXPECTED}, {problem}")


def _document(value: object, source: str) -> tuple[Document, bool]:
    """Return the document in a value, and whether its id was made."""
    as_py = getattr(value, "as_py", None)  # an item of an Arrow array
    value = as_py() if callable(as_py) else value
    try:
        match value:
            case Document():
                return value, False
            case str():
                check_text("the text", value)
                text = value.replace("\0", " ")
                if not text.strip():
                    raise DocumentError("the text is blank")
                return Document(made_id("", text), text), True
            case Mapping():
                return _from_mapping(cast("Mapping[object, object]", value))
            case _:
                raise DocumentError(f"documents must be {_EXPECTED}, not {type(value).__name__}: {value!r:.80}")
    except DocumentError as error:
        raise DocumentError(error.reason, source=source) from None


def _from_mapping(values: Mapping[object, object]) -> tuple[Document, bool]:
    for key in values:
        if not isinstance(key, str):
            raise DocumentError(f"the keys of a dict must be strings, not {type(key).__name__}: {key!r:.80}")
    row = SourceRow("", None, 0.0, cast("Mapping[str, object]", values))
    makes_ids = lacks_id(row.values, _OPTIONS)
    return document_of(row, _OPTIONS, makes_ids=makes_ids), makes_ids
