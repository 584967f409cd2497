"""StoreFields: which fields of a record hold the text, the title and the id of a document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ....errors import ArgumentError, DocumentError, StoreError
from ....errors.arguments import described, lone_surrogate
from ....index import Document


@dataclass(frozen=True, slots=True)
class Found:
    """A record that a store found.

    Attributes:
        key: The key of the record in the store, for messages, and as id where no field holds one.
        record: Its fields, without the vector.
        score: Higher is better.
    """

    key: str
    record: Mapping[str, object]
    score: float


@dataclass(frozen=True, slots=True)
class StoreFields:
    """The names of the fields of a record, which other programs wrote.

    A name is that of a field, or of one in an object: ``metadata.source``.

    Attributes:
        text: The text, which the reranker reads.
        title: The title; None where there is none.
        id: The id of the document; None takes the key of the record. Records with the same id are passages of one
            document, of which a search returns the best.
        metadata: The object that holds the metadata, on which ``where`` filters; None takes all other fields.

    Example:
        >>> StoreFields(text="page_content", metadata="metadata")  # as LangChain writes them
        StoreFields(text='page_content', title=None, id=None, metadata='metadata')
    """

    text: str = "text"
    title: str | None = None
    id: str | None = None
    metadata: str | None = None

    def __post_init__(self) -> None:
        for name in ("text", "title", "id", "metadata"):
            value: object = getattr(self, name)
            if value is None and name != "text":
                continue
            checked_name(value, name, "a field")

    def document(self, found: Found) -> Document:
        """Make the document of a record.

        Raises:
            StoreError: It has no text and no title, no id, or something that is no JSON.
        """
        text, title = self._text(found, self.text), "" if self.title is None else self._text(found, self.title)
        if not text.strip() and not title.strip():
            raise StoreError(
                f"record {found.key!r:.200} has no text in {self.text!r}, so that nothing can be reranked; it has "
                f"{names_listed(found.record)}. Name the field: StoreFields(text=...)"
            )
        try:
            return Document(self.id_of(found), text, title, self._metadata(found))
        except DocumentError as error:
            raise StoreError(f"record {found.key!r:.200} cannot be read: {error}") from None

    def id_of(self, found: Found) -> str:
        """Return the id of the document of a record."""
        if self.id is None:
            return found.key
        value = member(found.record, self.id)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise StoreError(f"record {found.key!r:.200} has no id in {self.id!r}: {described(value)}")
        return str(value)

    def _metadata(self, found: Found) -> dict[str, object]:
        if self.metadata is not None:
            inside = member(found.record, self.metadata)
            if inside is not None and not isinstance(inside, Mapping):
                raise StoreError(f"record {found.key!r:.200} has no object in {self.metadata!r}: {described(inside)}")
            return dict(cast("Mapping[str, object]", inside or {}))
        taken = {self.text, self.title, self.id}
        return {name: value for name, value in found.record.items() if name not in taken}

    def _text(self, found: Found, name: str) -> str:
        value = member(found.record, name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise StoreError(f"record {found.key!r:.200} has no text in {name!r}: {described(value)}")
        return value


def checked_name(value: object, name: str, of: str) -> str:
    """Return a name in a store.

    Args:
        value: The name.
        name: The argument, for messages.
        of: What it names, for messages.

    Raises:
        ArgumentError: It is no text, empty, or no valid Unicode.
    """
    if not isinstance(value, str) or not value.strip() or lone_surrogate(value) is not None:
        raise ArgumentError(f"{name} must be the name of {of}, not {described(value)}")
    return value


def member(record: Mapping[str, object], name: str) -> object:
    """Return the value of a field, or of one in an object; None where there is none."""
    if name in record:
        return record[name]
    first, _, rest = name.partition(".")
    inside = record.get(first)
    return member(cast("Mapping[str, object]", inside), rest) if rest and isinstance(inside, Mapping) else None


def names_listed(names: Mapping[str, object]) -> str:
    """Return the first names of fields, for messages."""
    return ", ".join(map(repr, sorted(names)[:20])) or "no fields at all"
