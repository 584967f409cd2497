"""The results of a search: candidates as rows with scores, and the hits that they become."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..document import Document, Passage
from ..segments import Segment, TokenIds


@dataclass(frozen=True, slots=True)
class PassageHit:
    """Another passage of a document that was found, with its own score; ``tokens`` as for ``Hit``."""

    passage: Passage
    score: float
    tokens: TokenIds | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found: its best passage, and the score that it is ordered by.

    ``dense_score`` is the inner product of that document's best vector with the query's, ``lexical_score`` the BM25 of
    its best passage; None where the search did not look at it. ``tokens`` are the ids of the passage for the tokenizer
    ``Index.tokenizer_fingerprint``, a view into the index; None where it keeps none. ``others`` are further passages,
    best first, where the search was asked for them.
    """

    document: Document
    passage: Passage
    score: float
    tokens: TokenIds | None = field(default=None, compare=False, repr=False)
    dense_score: float | None = None
    lexical_score: float | None = None
    others: tuple[PassageHit, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One document for one query, and a passage of it: the row of that passage. The scores are those of ``Hit``.

    ``others`` has rows and scores of further passages.
    """

    segment: Segment
    row: int
    score: float
    dense: float | None = None
    lexical: float | None = None
    others: tuple[tuple[int, float], ...] = ()

    @property
    def document(self) -> tuple[str, int]:
        """The document: its segment, and its row there."""
        return self.segment.folder.name, int(self.segment.document_rows[self.row])

    @property
    def id(self) -> str:
        """The document's id."""
        return self.segment.id(self.document[1])

    @property
    def passage_rows(self) -> tuple[int, int]:
        """Where the passages of the document begin and end."""
        return self.segment.passage_rows(self.document[1], self.document[1] + 1)

    def with_others(self, scores: NDArray[np.floating[Any]], count: int) -> "Candidate":
        """The same with the best ``count`` other passages, of equals the first; ``scores`` has one for each of all."""
        first, _ = self.passage_rows
        order = [int(place) for place in np.argsort(-scores, kind="stable") if first + int(place) != self.row]
        return replace(self, others=tuple((first + place, float(scores[place])) for place in order[:count]))


def best_candidates(found: Iterable[Candidate], k: int) -> list[Candidate]:
    """The best ``k``, best first; of equals those that come first."""
    return sorted(found, key=lambda one: -one.score)[:k]


def ranked(found: Iterable[Candidate]) -> list[Candidate]:
    """Best first, equal scores by id."""
    return sorted(found, key=lambda one: (-one.score, one.id))


def hits(found: Iterable[Candidate]) -> list[Hit]:
    """The documents, in this order."""
    return [_hit(one) for one in found]


def best_hits(found: Iterable[Candidate]) -> list[Hit]:
    """The documents, best first, equal scores by id."""
    return sorted(hits(found), key=lambda hit: (-hit.score, hit.document.id))


def with_other_passages(
    lines: Sequence[Sequence[Candidate]], vectors: NDArray[np.float32], passages: int
) -> list[list[Candidate]]:
    """What was found for each vector, with up to ``passages`` passages of each document by their inner products."""
    if passages < 1:
        raise ArgumentError(f"passages must be at least 1, not {passages}")
    if passages == 1:
        return [list(line) for line in lines]
    return [
        [one.with_others(one.segment.vectors.vectors(*one.passage_rows) @ vector, passages - 1) for one in line]
        for line, vector in zip(lines, vectors, strict=True)
    ]


def _hit(found: Candidate) -> Hit:
    segment = found.segment
    document = segment.document(int(segment.document_rows[found.row]))
    passage, tokens = segment.passage(found.row, document), segment.tokens(found.row)
    others = tuple(PassageHit(segment.passage(row, document), s, segment.tokens(row)) for row, s in found.others)
    return Hit(document, passage, found.score, tokens, found.dense, found.lexical, others)
