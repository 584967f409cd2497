"""The results of a search: candidates as rows with scores, and the hits that they become."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors.arguments import checked_count
from ..document import Document, Passage
from ..segments import Segment, TokenIds, TokenVectors
from .best_rows import BestRows
from .view import View


@dataclass(frozen=True, slots=True)
class PassageHit:
    """Another passage of a document that was found.

    Attributes:
        passage: The passage.
        score: Its own score.
        tokens: As for ``Hit``.
        token_vectors: As for ``Hit``.
    """

    passage: Passage
    score: float
    tokens: TokenIds | None = field(default=None, compare=False, repr=False)
    token_vectors: TokenVectors | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StageScore:
    """What one step of a search made of a document.

    Attributes:
        stage: The name of the step, such as "vectors" or "words".
        rank: The document's rank in the order of this step among the candidates of the query, from 1.
        score: What that order is by, higher is better.
    """

    stage: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that a search found.

    Attributes:
        document: The document.
        passage: Its best passage.
        score: The score that it is ordered by.
        tokens: The token ids of the passage for the tokenizer of ``Index.tokenizer_fingerprint``, a view into the
            index; None where the index stores none.
        dense_score: The inner product of the document's best vector and the query's; None where none was computed.
        lexical_score: The BM25 score of its best passage; None where none was computed.
        lexical_limit: What no BM25 score of the query can exceed; None where only one search was made.
        others: Further passages, best first, where the search was asked for them.
        stages: Ranks and scores through the steps of a retriever that has several, the last one that of ``score``.
        token_vectors: The token vectors of the passage from the model of ``Index.late_interaction_fingerprint``, a view
            into the index, int8 of shape (tokens, dim); None where the index stores none.
    """

    document: Document
    passage: Passage
    score: float
    tokens: TokenIds | None = field(default=None, compare=False, repr=False)
    dense_score: float | None = None
    lexical_score: float | None = None
    others: tuple[PassageHit, ...] = ()
    lexical_limit: float | None = field(default=None, compare=False, repr=False)
    stages: tuple[StageScore, ...] = field(default=(), compare=False, repr=False)
    token_vectors: TokenVectors | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that a search found, as the row of one of its passages.

    Attributes:
        segment: The segment that holds the document.
        row: The row of the passage in the segment.
        score: As for ``Hit``.
        dense: ``Hit.dense_score``.
        lexical: ``Hit.lexical_score``.
        lexical_limit: ``Hit.lexical_limit``.
        others: Rows and scores of further passages.
    """

    segment: Segment
    row: int
    score: float
    dense: float | None = None
    lexical: float | None = None
    lexical_limit: float | None = None
    others: tuple[tuple[int, float], ...] = ()

    @property
    def document(self) -> tuple[str, int]:
        """The name of the segment, and the row of the document in it."""
        return self.segment.folder.name, int(self.segment.document_rows[self.row])

    @property
    def id(self) -> str:
        """The document's id."""
        return self.segment.id(self.document[1])

    @property
    def passage_rows(self) -> tuple[int, int]:
        """The rows where the document's passages begin and end."""
        return self.segment.passage_rows(self.document[1], self.document[1] + 1)

    def with_others(self, scores: NDArray[np.floating[Any]], count: int) -> "Candidate":
        """A copy with the best ``count`` other passages; ``scores`` has one for each passage of the document."""
        first, _ = self.passage_rows
        order = [int(position) for position in np.argsort(-scores, kind="stable") if first + int(position) != self.row]
        return replace(self, others=tuple((first + position, float(scores[position])) for position in order[:count]))


def candidates(views: Sequence[View], best: BestRows, *, lexical: bool = False) -> list[Candidate]:
    """What was found, in the same order; the scores are of vectors, or with ``lexical`` of BM25."""
    found = zip(map(float, best.scores), map(int, best.views), map(int, best.rows), strict=True)
    return [
        Candidate(
            views[number].segment, row, score, dense=None if lexical else score, lexical=score if lexical else None
        )
        for score, number, row in found
    ]


def ranked(found: Iterable[Candidate]) -> list[Candidate]:
    """Sort by score, best first; equal scores by id."""
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.id))


def hits(found: Iterable[Candidate], *, token_vectors: bool = True) -> list[Hit]:
    """Read the documents of the candidates, in the same order.

    Args:
        found: The candidates.
        token_vectors: Whether hits get their token vectors. They are views, until a hit is sent to another process.
    """
    return [_hit(candidate, token_vectors=token_vectors) for candidate in found]


def best_hits(found: Iterable[Candidate]) -> list[Hit]:
    """Read the documents of the candidates, best first; equal scores by id."""
    return sorted(hits(found), key=lambda hit: (-hit.score, hit.document.id))


def with_other_passages(
    candidates_per_query: Sequence[Sequence[Candidate]], vectors: NDArray[np.float32], passages: int
) -> list[list[Candidate]]:
    """Give each candidate up to ``passages`` passages of its document, by inner product with the query's vector."""
    if checked_count(passages, "passages") == 1:
        return [list(found) for found in candidates_per_query]
    return [
        [
            candidate.with_others(candidate.segment.vectors.vectors(*candidate.passage_rows) @ vector, passages - 1)
            for candidate in found
        ]
        for found, vector in zip(candidates_per_query, vectors, strict=True)
    ]


def _hit(candidate: Candidate, *, token_vectors: bool) -> Hit:
    segment = candidate.segment
    document = segment.document(int(segment.document_rows[candidate.row]))

    def vectors_of(row: int) -> TokenVectors | None:
        return segment.token_vectors(row) if token_vectors else None

    return Hit(
        document,
        segment.passage(candidate.row, document),
        candidate.score,
        segment.tokens(candidate.row),
        candidate.dense,
        candidate.lexical,
        tuple(
            PassageHit(segment.passage(row, document), score, segment.tokens(row), vectors_of(row))
            for row, score in candidate.others
        ),
        candidate.lexical_limit,
        token_vectors=vectors_of(candidate.row),
    )
