"""What shards are asked for in a search. Requests and answers are plain records that any transport can carry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..reading import (
    BM25,
    Candidate,
    Hit,
    LexicalSearch,
    TermStatistics,
    dense_scores,
    for_query,
    hits,
    with_other_passages,
)
from .filters import TypedFilter, masks_of
from .found import DocumentPlace, Found
from .parts import Part

Answer_co = TypeVar("Answer_co", covariant=True)


class Request(Protocol[Answer_co]):
    """A question to one shard."""

    def of(self, part: Part) -> Answer_co:
        """Answer it from the shard's part of a generation."""
        ...


@dataclass(frozen=True, slots=True)
class Together:
    """Several requests in one call; the answer has that of each."""

    requests: tuple[Request[Any], ...]

    def of(self, part: Part) -> tuple[Any, ...]:
        """Answer them one after another."""
        return tuple(request.of(part) for request in self.requests)


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """Asks for the best ``k`` documents by vectors of shape (queries, dimension)."""

    vectors: NDArray[np.float32]
    k: int
    where: TypedFilter | None

    def of(self, part: Part) -> list[Found]:
        """Return what each query finds."""
        return [
            Found.of(part, best) for best in part.snapshot.nearest(self.vectors, self.k, masks_of(part, self.where))
        ]


@dataclass(frozen=True, slots=True)
class CountTerms:
    """Asks how often terms occur; BM25 is computed with the sums of all shards."""

    terms: tuple[str, ...]

    def of(self, part: Part) -> TermStatistics:
        """Return the statistics of the part."""
        postings = [view.live_postings for view in part.snapshot.views]
        return TermStatistics.counted([of_view for of_view in postings if of_view is not None], self.terms)


@dataclass(frozen=True, slots=True, eq=False)
class FoundByTerms:
    """What a query found by its terms.

    Attributes:
        found: The best documents.
        limit: What no score of the query exceeds.
        beside: The scores of the documents that the request named.
    """

    found: Found
    limit: float
    beside: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """Asks for the best ``k`` documents by BM25.

    Attributes:
        queries: The terms of each query.
        k: How many to find.
        where: Which may be found.
        weights: The parameters of BM25.
        statistics: Those of the whole generation.
        beside: For each query documents of this part that get their score too, whether or not they are found.
    """

    queries: Sequence[Sequence[str]]
    k: int
    where: TypedFilter | None
    weights: BM25
    statistics: TermStatistics
    beside: Sequence[Sequence[DocumentPlace]]

    def of(self, part: Part) -> list[FoundByTerms]:
        """Return what each query finds."""
        search = LexicalSearch(part.snapshot, self.weights, masks_of(part, self.where), self.statistics)
        answers: list[FoundByTerms] = []
        for query, places in zip(self.queries, self.beside, strict=True):
            scores, limit = search.scores_within(query)
            found = Found.of(part, search.best(scores, self.k))
            answers.append(FoundByTerms(found, limit, tuple(best_score(part, scores, place) for place in places)))
        return answers


def best_score(part: Part, scores: Sequence[NDArray[np.float64]], place: DocumentPlace) -> float:
    """Return the best of the scores of a document's passages, given those of all passages of each segment."""
    segment, document = place
    first, last = part.view(segment).segment.passage_rows(document, document + 1)
    return float(scores[segment - part.first][first:last].max())


@dataclass(frozen=True, slots=True)
class Picked:
    """A document that is among the best of all shards; the fields are those of ``Candidate``, by numbers.

    One without a ``dense`` score was found by its terms alone, and gets it.
    """

    segment: int
    row: int
    score: float
    dense: float | None = None
    lexical: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class QueryHits:
    """Asks for the hits of one query.

    Attributes:
        picked: The documents.
        vector: The vector of the query, shape (dimension,); None where no score is computed with it.
        limit: ``Hit.lexical_limit``.
        passages: The most passages of a hit.
        scored_anew: Whether each document gets the score and the passage that the vector gives it.
    """

    picked: tuple[Picked, ...]
    vector: NDArray[np.float32] | None = None
    limit: float | None = None
    passages: int = 1
    scored_anew: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ReadHits:
    """Asks for the documents and passages of what was picked."""

    queries: Sequence[QueryHits]

    def of(self, part: Part) -> list[list[Hit]]:
        """Return the hits of each query, in the order of ``picked``, without token vectors: they are megabytes."""
        return [hits(_candidates(part, query), token_vectors=False) for query in self.queries]


def _candidates(part: Part, query: QueryHits) -> list[Candidate]:
    found = [
        Candidate(part.view(one.segment).segment, one.row, one.score, one.dense, one.lexical, query.limit)
        for one in query.picked
    ]
    if query.vector is None:
        return found
    if query.scored_anew:
        found = [for_query(candidate, query.vector) for candidate in found]
    else:
        found = _with_dense(part, query.vector, [one.segment for one in query.picked], found)
    [found] = with_other_passages([found], query.vector[None], query.passages)
    return found


def _with_dense(
    part: Part, vector: NDArray[np.float32], segments: Sequence[int], found: Sequence[Candidate]
) -> list[Candidate]:
    """Give those that were found by their terms alone their best inner product with the query's vector."""
    places = [(segment - part.first, candidate.document[1]) for segment, candidate in zip(segments, found, strict=True)]
    missing = [place for place, candidate in zip(places, found, strict=True) if candidate.dense is None]
    scores = dense_scores(part.snapshot, vector, missing)
    return [
        candidate if candidate.dense is not None else replace(candidate, score=scores[place], dense=scores[place])
        for place, candidate in zip(places, found, strict=True)
    ]
