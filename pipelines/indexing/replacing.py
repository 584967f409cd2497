"""Replacing: documents of an index become those of a stream, and only what has another title or text is embedded."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from ...index import Document, EmbeddedBatch, IndexWriter
from ..progress import DocumentProgress


class Replacing:
    """Says which documents of a stream must be embedded, and writes them when they are.

    Attributes:
        written: How many documents were written so far.
    """

    def __init__(self, writer: IndexWriter, counted: DocumentProgress) -> None:
        """``counted`` is told which documents are done."""
        self.written = 0
        self._writer, self._counted = writer, counted
        self._underway: deque[set[str]] = deque()

    def to_embed(self, batches: Iterable[Sequence[Document]]) -> Iterator[list[Document]]:
        """Yield of each batch the documents to be embedded; if several have the same id, the last."""
        for batch in batches:
            last = {document.id: document for document in batch}
            # A document that is being embedded will replace what the writer holds, so the answer would be wrong.
            underway = set[str]().union(*self._underway)
            settled = self._settled([document for id_, document in last.items() if id_ not in underway])
            new = [document for id_, document in last.items() if id_ not in settled]
            self._underway.append({document.id for document in new})
            self._counted.done(len(batch) - len(new))
            yield new

    def write(self, batch: EmbeddedBatch) -> None:
        """Write what became of the next of those batches."""
        self.written += self._writer.upsert(batch)
        self._underway.popleft()
        self._counted.done(len(batch.documents))

    def _settled(self, documents: Sequence[Document]) -> set[str]:
        """Write those with other metadata alone, and return the ids of all that need no embedding."""
        held = self._writer.holds(documents)
        others = [document for document, is_held in zip(documents, held, strict=True) if not is_held]
        refreshed = self._writer.refresh_metadata(others)
        self.written += sum(refreshed)
        embedded = {document.id for document, is_done in zip(others, refreshed, strict=True) if not is_done}
        return {document.id for document in documents} - embedded
