"""What a search finds: rows with scores, and the documents and passages that they stand for. Knows no vectors."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .document import Document, Passage
from .segment import Segment
from .tokens import TokenIds


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found: its best passage, and the score that it is ordered by.

    ``dense_score`` is the inner product of that document's best vector with the query's, ``lexical_score`` the BM25 of
    its best passage; None where the search did not look at it. ``tokens`` are the ids of the passage for the tokenizer
    ``Index.tokenizer``, a view into the index; None where it keeps none.
    """

    document: Document
    passage: Passage
    score: float
    tokens: TokenIds | None = field(default=None, compare=False, repr=False)
    dense_score: float | None = None
    lexical_score: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One document for one query, and a passage of it: the row of that passage. The scores are those of ``Hit``."""

    segment: Segment
    row: int
    score: float
    dense: float | None = None
    lexical: float | None = None

    @property
    def document(self) -> tuple[str, int]:
        """The document: its segment, and its row there."""
        return self.segment.folder.name, int(self.segment.document_rows[self.row])


def best_found(found: Iterable[Found], k: int) -> list[Found]:
    """The best ``k``, best first; of equals those that come first."""
    return sorted(found, key=lambda one: -one.score)[:k]


def best_hits(found: Iterable[Found]) -> list[Hit]:
    """The documents, best first, equal scores by id."""
    return sorted(map(_hit, found), key=lambda hit: (-hit.score, hit.document.id))


def _hit(found: Found) -> Hit:
    segment = found.segment
    document = segment.document(int(segment.document_rows[found.row]))
    passage, tokens = segment.passage(found.row, document), segment.tokens(found.row)
    return Hit(document, passage, found.score, tokens, found.dense, found.lexical)
