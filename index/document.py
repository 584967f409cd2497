"""Document and Passage: what an index stores and what a search returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import DocumentError


@dataclass(frozen=True, slots=True)
class Document:
    """What a user searches for: an id that is unique in its collection, a text, and optionally a title and metadata.

    ``metadata`` holds JSON values. Raises ``DocumentError`` where the id is empty, or title and text are both blank,
    or one of them cannot be written as UTF-8.
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
        """The one text that models read when the document is not split: title and text, joined by a space."""
        return passage_text(self.title, self.text)


@dataclass(frozen=True, slots=True)
class Passage:
    """The part ``[start, end)`` of a document's text, in characters; ``text`` is that part."""

    text: str
    start: int
    end: int


def passage_text(title: str, text: str) -> str:
    """What models read of a passage: every passage of a document carries the document's title."""
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
