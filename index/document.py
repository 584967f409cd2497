"""Document and Passage: what an index stores and what a search returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import DocumentError


@dataclass(frozen=True, slots=True)
class Document:
    """What a user searches for.

    Attributes:
        id: Unique in its collection.
        text: The text.
        title: A title; every passage of the document carries it.
        metadata: JSON values by name, for filters.

    Raises:
        DocumentError: The id is empty, title and text are both blank, or one of them is not valid Unicode.
    """

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)

    def __post_init__(self) -> None:
        for name, value in (("id", self.id), ("title", self.title), ("text", self.text)):
            check_text(name, value)
        if not self.id:
            raise DocumentError("the document has an empty id")
        if not self.title.strip() and not self.text.strip():
            raise DocumentError(f"document {self.id!r} has neither a title nor a text")

    @property
    def passage(self) -> str:
        """Title and text joined by a space: what models read of a document that is not split."""
        return passage_text(self.title, self.text)


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
    return f"{title} {text}".strip()


def check_text(name: str, value: object) -> None:
    """Raise ``DocumentError`` unless ``value`` is a str that can be written as UTF-8."""
    if not isinstance(value, str):
        raise DocumentError(f"{name} must be a string, not {type(value).__name__}: {value!r:.80}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        raise DocumentError(f"{name} has a lone surrogate U+{code:04X} at character {error.start}") from None
