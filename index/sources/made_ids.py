"""MadeIds: the ids of documents that come without one, made from what they hold."""

from dataclasses import replace

from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from ..document import Document
from ..metadata import canonical_json


def made_id(title: str, text: str) -> str:
    """Return the id of a document that comes without one: 32 hexadecimal digits that depend on title and text alone."""
    return xxh3_128_hexdigest(f"{title}\0{text}".encode())


class MadeIds:
    """Tells copies from documents that share title and text only, in one reading of a source.

    The first document with a title and text has the id that they make, as in every version. A later one whose metadata
    differ has an id that is made from them too; one without any difference is a copy.

    Attributes:
        distinguished: How many documents got an id that is made from their metadata too.
    """

    def __init__(self) -> None:
        self.distinguished = 0
        self._firsts = set[bytes]()
        self._contents = set[bytes]()

    def distinct(self, document: Document) -> Document | None:
        """Return the document with an id of its own; None for a copy.

        Args:
            document: A document whose id is made from its title and text.
        """
        values = {name: value for name, value in document.metadata.items() if value is not None}
        content = f"{document.title}\0{document.text}\0{canonical_json(values, document.id)}".encode()
        digest = xxh3_128_digest(content)
        if digest in self._contents:
            return None
        self._contents.add(digest)
        first = xxh3_128_digest(document.id.encode())
        if first not in self._firsts:
            self._firsts.add(first)
            return document
        self.distinguished += 1
        return replace(document, id=xxh3_128_hexdigest(content))
