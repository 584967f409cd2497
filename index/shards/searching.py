"""Searches over shards. The results are those of one process: documents, scores and order."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_number
from ..arguments import checked_ids, checked_vectors
from ..filters import Predicate
from ..reading import BM25, Hit, TermStatistics, check_k, check_queries, check_query_vectors, check_terms_are_kept
from ..vectors import ROUNDING
from .asking import Asking
from .found import DocumentPlace, Place, best_of
from .lookups import GetVectors, Held, ScoreTerms
from .requests import CountTerms, FoundByTerms, Nearest, Picked, QueryHits, ReadHits, SearchTerms, Together


def search(
    asking: Asking, vectors: NDArray[np.float32], k: int, *, where: Predicate | None, passages: int
) -> list[list[Hit]]:
    """See ``Index.search``."""
    _check(asking, vectors, k)
    checked_count(passages, "passages")
    nearest = _nearest(asking, vectors, k, where)
    queries = [
        QueryHits(_by_vectors(places), vector if passages > 1 else None, passages=passages)
        for places, vector in zip(nearest, vectors, strict=True)
    ]
    return _in_order(read_hits(asking, queries))


def search_terms(
    asking: Asking, queries: Sequence[Sequence[str]], k: int, *, where: Predicate | None, weights: BM25
) -> list[list[Hit]]:
    """See ``Index.search_terms``."""
    k = check_k(k)
    check_queries(queries)
    check_terms_are_kept(asking.generation.manifest, weights)
    typed = asking.filter(where)
    statistics = count_terms(asking, queries)
    request = SearchTerms(queries, k, typed, weights, statistics, [()] * len(queries))
    answers = asking.all(request)
    best = [best_of((of_shard[n].found for of_shard in answers.values()), k) for n in range(len(queries))]
    picked = [tuple(Picked(p.segment, p.row, p.score, lexical=p.score) for p in places) for places in best]
    return _in_order(read_hits(asking, [QueryHits(of_query) for of_query in picked]))


def search_both(  # noqa: PLR0913 - as Index.search_both
    asking: Asking,
    vectors: NDArray[np.float32],
    queries: Sequence[Sequence[str]],
    k: int,
    *,
    where: Predicate | None,
    weights: BM25,
    passages: int,
) -> list[list[Hit]]:
    """See ``Index.search_both``."""
    check_queries(queries)
    checked_count(passages, "passages")
    if checked_vectors(vectors).ndim != 2 or len(queries) != len(vectors):
        raise ArgumentError(
            f"{len(vectors)} query vectors and {len(queries)} lists of terms: give one list for each vector"
        )
    _check(asking, vectors, k)
    check_terms_are_kept(asking.generation.manifest, weights)
    typed = asking.filter(where)
    first = asking.all(Together((Nearest(vectors, k, typed), _count(queries))))
    nearest = [best_of((found[n] for found, _ in first.values()), k) for n in range(len(vectors))]
    statistics = _sum(counts for _, counts in first.values())
    second = asking.some(
        {
            shard: SearchTerms(queries, k, typed, weights, statistics, _of_shard(asking, shard, nearest))
            for shard in first
        }
    )
    both = [
        _both(asking, places, {shard: answers[n] for shard, answers in second.items()}, k)
        for n, places in enumerate(nearest)
    ]
    limits = [next((answers[n].limit for answers in second.values()), 0.0) for n in range(len(vectors))]
    found = [
        QueryHits(picked, vector, limit, passages) for picked, vector, limit in zip(both, vectors, limits, strict=True)
    ]
    return _in_order(read_hits(asking, found))


def term_scores(asking: Asking, ids: Sequence[str], query: Sequence[str], *, weights: BM25) -> NDArray[np.float64]:
    """See ``Index.term_scores``."""
    check_queries([query])
    check_terms_are_kept(asking.generation.manifest, weights)
    ids = checked_ids(ids)
    statistics = count_terms(asking, [query])
    scores = by_position(asking.all(ScoreTerms(ids, query, weights, statistics)).values(), len(ids))
    asking.require_found(ids, scores)
    return np.array([held.value for held in scores if held is not None], np.float64)


def neighbours(
    asking: Asking,
    ids: Sequence[str],
    k: int,
    *,
    threshold: float | None,
    where: Predicate | None,
    query: NDArray[np.float32] | None,
) -> list[list[Hit]]:
    """See ``Index.neighbours``."""
    k = check_k(k)
    least = None if threshold is None else checked_number(threshold, "threshold", -1, 1) - ROUNDING
    dimension = asking.generation.manifest.model.dimension
    if query is not None and checked_vectors(query, "query").shape != (dimension,):
        raise ArgumentError(f"the query has the shape {query.shape}; the index holds vectors of {dimension} dimensions")
    documents = vectors_of(asking, ids)
    flat = np.concatenate([np.empty((0, dimension), np.float32), *(held.value for held in documents)])
    nearest = iter(_nearest(asking, flat, k + 1, where))
    queries: list[QueryHits] = []
    for held in documents:
        others = _others(held.place, [next(nearest) for _ in held.value])[:k]
        near = [place for place in others if least is None or place.score >= least]
        queries.append(QueryHits(_by_vectors(near), query, scored_anew=query is not None))
    return read_hits(asking, queries)


def vectors_of(asking: Asking, ids: Sequence[str]) -> list[Held[NDArray[np.float32]]]:
    """Return the vectors of documents, and where the documents are."""
    ids = checked_ids(ids)
    found = by_position(asking.all(GetVectors(ids)).values(), len(ids)) if ids else []
    asking.require_found(ids, found)
    return [held for held in found if held is not None]


def by_position(answers: Iterable[Sequence[Held[Any]]], count: int) -> list[Held[Any] | None]:
    """Put what shards have of some ids in the order of the ids; None where no shard has one."""
    held: list[Held[Any] | None] = [None] * count
    for answer in answers:
        for one in answer:
            held[one.position] = one
    return held


def count_terms(asking: Asking, queries: Sequence[Sequence[str]]) -> TermStatistics:
    """Sum the statistics of all shards."""
    return _sum(asking.all(_count(queries)).values())


def read_hits(asking: Asking, queries: Sequence[QueryHits]) -> list[list[Hit]]:
    """Read the hits of each query from the shards that have them, in the order of ``picked``."""
    generation = asking.generation
    shards = [[generation.shard_of(one.segment) for one in query.picked] for query in queries]
    requests: dict[int, ReadHits] = {
        shard: ReadHits([_only(query, shard, of) for query, of in zip(queries, shards, strict=True)])
        for shard in sorted({shard for of_query in shards for shard in of_query})
    }
    answers = {shard: iter(answer) for shard, answer in asking.some(requests).items()}
    hits: list[list[Hit]] = []
    for of_query in shards:
        of_shards = {shard: iter(next(answer)) for shard, answer in answers.items()}
        hits.append([next(of_shards[shard]) for shard in of_query if shard in of_shards])
    return hits


def _only(query: QueryHits, shard: int, shards: Sequence[int]) -> QueryHits:
    picked = tuple(one for one, its_shard in zip(query.picked, shards, strict=True) if its_shard == shard)
    return QueryHits(picked, query.vector, query.limit, query.passages, query.scored_anew)


def _check(asking: Asking, vectors: NDArray[np.float32], k: int) -> None:
    check_k(k)
    check_query_vectors(vectors, asking.generation.manifest.model.dimension)


def _nearest(asking: Asking, vectors: NDArray[np.float32], k: int, where: Predicate | None) -> list[list[Place]]:
    """The best ``k`` documents of all shards for each vector."""
    typed = asking.filter(where)
    if not len(vectors):
        return []
    answers = asking.all(Nearest(vectors, k, typed))
    return [best_of((found[n] for found in answers.values()), k) for n in range(len(vectors))]


def _by_vectors(places: Sequence[Place]) -> tuple[Picked, ...]:
    return tuple(Picked(place.segment, place.row, place.score, dense=place.score) for place in places)


def _in_order(hits: Sequence[list[Hit]]) -> list[list[Hit]]:
    return [sorted(of_query, key=lambda hit: (-hit.score, hit.document.id)) for of_query in hits]


def _count(queries: Sequence[Sequence[str]]) -> CountTerms:
    return CountTerms(tuple(sorted({term for query in queries for term in query})))


def _sum(counts: Iterable[TermStatistics]) -> TermStatistics:
    summed = list(counts)
    return reduce(add, summed) if summed else TermStatistics(0, 0, {})


def _of_shard(asking: Asking, shard: int, nearest: Sequence[Sequence[Place]]) -> list[list[DocumentPlace]]:
    segments = asking.generation.segments[shard]
    return [[place.key for place in places if place.segment in segments] for places in nearest]


def _both(asking: Asking, nearest: Sequence[Place], by_terms: dict[int, FoundByTerms], k: int) -> tuple[Picked, ...]:
    """What one query found by its vector, with BM25, and what it found by its terms alone, which has no dense score."""
    beside = {shard: iter(answer.beside) for shard, answer in by_terms.items()}
    shards = [asking.generation.shard_of(place.segment) for place in nearest]
    found = [
        Picked(place.segment, place.row, place.score, dense=place.score, lexical=next(beside[shard]))
        for place, shard in zip(nearest, shards, strict=True)
        if shard in beside
    ]
    held = {place.key for place in nearest}
    best = best_of((answer.found for answer in by_terms.values()), k)
    added = [Picked(p.segment, p.row, p.score, lexical=p.score) for p in best if p.key not in held]
    return (*found, *added)


def _others(document: DocumentPlace, nearest: Sequence[Sequence[Place]]) -> list[Place]:
    """The documents that the passages of one find, each with its best passage, without the document itself."""
    best: dict[DocumentPlace, Place] = {}
    for place in (place for places in nearest for place in places):
        held = best.get(place.key)
        if place.key != document and (held is None or place.score > held.score):
            best[place.key] = place
    return sorted(best.values(), key=lambda place: (-place.score, place.id))
