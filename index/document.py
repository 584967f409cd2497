"""Document and Passage: what an index stores and what a search returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from ..errors import ArgumentError, DocumentError
from ..errors.arguments import checked_instance, described, lone_surrogate
from .metadata import plain_metadata


@dataclass(frozen=True, slots=True)
class Document:
    """What a user searches for.

    Attributes:
        id: Unique in its collection.
        text: The text.
        title: A title; every passage of the document carries it.
        metadata: JSON values by name, for filters. The document has a copy of what is given, in which dates are text
            in ISO 8601, NaN is None, and the values of numpy, pandas and others are those of Python.

    Raises:
        DocumentError: The id is empty, title and text are both blank, one of them is not valid Unicode, or metadata
            hold what JSON does not have.
    """

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)

    def __post_init__(self) -> None:
        _check(self.id, self.title, self.text)
        object.__setattr__(self, "metadata", plain_metadata(self.metadata, self.id))

    @property
    def passage(self) -> str:
        """Title and text joined by a space: what models read of a document that is not split."""
        return passage_text(self.title, self.text)


def stored_document(id_: str, text: str, title: str, metadata: Mapping[str, object]) -> Document:
    """The document that an index holds: its metadata are taken as they were written, by whatever rule held then.

    Raises:
        DocumentError: As for ``Document``, but not for metadata.
    """
    _check(id_, title, text)
    document = object.__new__(Document)
    for name, value in (("id", id_), ("text", text), ("title", title), ("metadata", metadata)):
        object.__setattr__(document, name, value)
    return document


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document's text.

    Attributes:
        text: The part itself.
        start: Where it begins in the document's text, in characters.
        end: Where it ends, exclusive.
    """

    text: str
    start: int
    end: int


def passage_text(title: str, text: str) -> str:
    """Title and text joined by a space: what models read of a passage."""
    checked_instance(title, str, "title")
    checked_instance(text, str, "text")
    return f"{title} {text}".strip()


def checked_documents(values: object) -> list[Document]:
    """Return the documents of a list, or raise ``ArgumentError`` where it is none, or holds something else."""
    if not isinstance(values, Sequence):
        raise ArgumentError(f"documents must be a list, not {described(values)}")
    return [checked_instance(value, Document, "a document") for value in cast("Sequence[object]", values)]


def _check(id_: str, title: str, text: str) -> None:
    for name, value in (("id", id_), ("title", title), ("text", text)):
        check_text(name, value)
    if not id_:
        raise DocumentError("the document has an empty id")
    if not title.strip() and not text.strip():
        raise DocumentError(f"document {id_!r} has neither a title nor a text")


def check_text(name: str, value: object) -> None:
    """Raise ``DocumentError`` unless ``value`` is a str that can be written as UTF-8."""
    if not isinstance(value, str):
        raise DocumentError(f"{name} must be a string, not {type(value).__name__}: {value!r:.80}")
    if surrogate := lone_surrogate(value):
        code, position = surrogate
        raise DocumentError(f"{name} has a lone surrogate {code} at character {position}")
