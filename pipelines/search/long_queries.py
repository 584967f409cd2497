"""Queries that are too long for the reranker, or for a search: refused, cut, or skipped."""

from collections.abc import Sequence
from typing import get_args

from ...errors import ArgumentError, QueryError
from ...rerank import Reranker, long_queries
from ..choices import LongQueries
from .queries import MAX_QUERY_CHARACTERS


def require_policy(policy: object) -> None:
    """Raise ``ArgumentError`` for anything but a ``LongQueries``."""
    if not isinstance(policy, str) or policy not in get_args(LongQueries):
        raise ArgumentError(f"long_queries must be one of {', '.join(get_args(LongQueries))}, not {policy!r}")


def too_long(queries: Sequence[str], reranker: Reranker | None) -> dict[int, str]:
    """Find the queries that are too long.

    Args:
        queries: Texts.
        reranker: The model whose limit counts; None where nothing is reranked.

    Returns:
        What is wrong with each, as the end of a sentence, by its place in ``queries``, in ascending order.
    """
    endless = {
        number: f"has {len(query)} characters; at most {MAX_QUERY_CHARACTERS} are allowed"
        for number, query in enumerate(queries)
        if len(query) > MAX_QUERY_CHARACTERS
    }
    return dict(sorted({**long_queries(reranker, queries), **endless}.items()))


def long_query_error(name: str, query: str, reason: str) -> QueryError:
    """Make the error for a query that is too long.

    Args:
        name: What to call it: "query 3", or the id of the query.
        query: Its text.
        reason: What is wrong with it.
    """
    return QueryError(f"{name} ({query[:60]!r}...) {reason}. Shorten it, or set long_queries to cut or skip")


def fit_queries(queries: Sequence[str], policy: LongQueries, reranker: Reranker | None) -> list[str | None]:
    """Apply a policy to the queries of a batch.

    Args:
        queries: Texts.
        policy: What becomes of those that are too long.
        reranker: The model whose limit counts, which cuts queries itself; None where nothing is reranked.

    Returns:
        The texts to search with; None for a query that is skipped.

    Raises:
        QueryError: A query is too long, and the policy is "error".
    """
    reasons = too_long(queries, reranker)
    if reasons and policy == "error":
        number, reason = next(iter(reasons.items()))
        name = "the query" if len(queries) == 1 else f"query {number}"
        raise long_query_error(name, queries[number], reason)
    if policy == "skip":
        return [None if number in reasons else query for number, query in enumerate(queries)]
    return [query[:MAX_QUERY_CHARACTERS] for query in queries]
