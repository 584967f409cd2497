"""Checks what a tuning is given, and chooses the queries that it is made on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ...errors.arguments import checked_instance
from ...rerank import IdentifiedReranker, Reranker, is_identified
from ..evaluation import Judged
from ..search import MAX_QUERY_CHARACTERS, long_query_error, too_long
from .result import MIN_QUERIES, TuningOptions


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a tuning is made with.

    Attributes:
        options: How to tune.
        identity: The reranker.
        queries: Texts by id, no longer than a search takes.
        long: The ids of queries that are too long for the reranker.
    """

    options: TuningOptions
    identity: IdentifiedReranker
    queries: Mapping[str, str]
    long: tuple[str, ...]


def prepared(judged: object, reranker: Reranker, options: TuningOptions | None) -> Prepared:
    """Check what a tuning is given.

    Raises:
        ArgumentError: There are too few judged queries, or the reranker has no fingerprint.
        QueryError: A query is too long for the reranker, and ``long_queries`` is "error".
    """
    checked = TuningOptions() if options is None else checked_instance(options, TuningOptions, "options")
    identity = _identity(reranker)
    queries, long = _without_long(_queries(checked_instance(judged, Judged, "judged"), checked), reranker, checked)
    return Prepared(checked, identity, queries, long)


def _identity(reranker: Reranker) -> IdentifiedReranker:
    if not is_identified(reranker) or not reranker.fingerprint:
        raise ArgumentError(
            "the reranker has no fingerprint, so an index cannot store settings for it; use a CrossEncoderReranker"
        )
    return reranker


def _queries(judged: Judged, options: TuningOptions) -> dict[str, str]:
    """Return the texts of the judged queries, or of as many as the options ask for."""
    ids = list(judged.judged_ids)
    if len(ids) < MIN_QUERIES:
        raise ArgumentError(
            f"{judged.name} has {len(ids)} queries with a relevant document; tuning needs at least {MIN_QUERIES}, and "
            "some hundreds are better"
        )
    if options.queries is not None and options.queries < len(ids):
        drawn = np.random.default_rng(options.seed).choice(len(ids), options.queries, replace=False)
        chosen = set(drawn.tolist())
        ids = [query_id for number, query_id in enumerate(ids) if number in chosen]
    return {query_id: judged.queries[query_id] for query_id in ids}


def _without_long(
    queries: dict[str, str], reranker: Reranker, options: TuningOptions
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the queries to tune on, no longer than a search takes, and the ids of those that are too long."""
    ids = list(queries)
    reasons = too_long(list(queries.values()), reranker)
    if reasons and options.long_queries == "error":
        row, reason = next(iter(reasons.items()))
        raise long_query_error(f"query {ids[row]!r}", queries[ids[row]], reason)
    long = tuple(ids[row] for row in reasons)
    if options.long_queries == "skip":
        return {query_id: text for query_id, text in queries.items() if query_id not in long}, long
    return {query_id: text[:MAX_QUERY_CHARACTERS] for query_id, text in queries.items()}, long
