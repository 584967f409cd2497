"""Checks of queries, and the slices in which many of them are searched."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, Sized
from typing import Any, TypeVar

from ...errors import QueryError

QUERIES_AT_ONCE = 32
"""The most queries that are searched together."""
MAX_QUERY_CHARACTERS = 8192
Item = TypeVar("Item")


def query_slices(queries: Sequence[Item], size: int = QUERIES_AT_ONCE) -> Iterator[Sequence[Item]]:
    """Yield the queries, or whatever stands for them, in slices of at most ``size``."""
    for start in range(0, len(queries), size):
        yield queries[start : start + size]


def check_queries(queries: Sequence[str], *, any_length: bool = False) -> None:
    """Check a batch of queries.

    Args:
        queries: The batch.
        any_length: Whether they may be longer than a search takes, because they are going to be cut or skipped.

    Raises:
        QueryError: One of them cannot be searched, or the batch is a single text or no list.
    """
    unchecked: Any = queries
    if isinstance(unchecked, str):
        raise QueryError("search_batch takes a list of queries; for one query call search")
    is_list = isinstance(unchecked, Sized) and isinstance(unchecked, Iterable)
    if not is_list or isinstance(unchecked, Mapping | Set):  # an iterator is used up by one look; a set has no order
        raise QueryError(f"search_batch takes a list of queries, not {type(queries).__name__}: {queries!r:.80}")
    for number, query in enumerate(queries):
        check_query(query, number, any_length=any_length)


def check_query(query: object, number: int | str, *, any_length: bool = False) -> None:
    """Check one query.

    Args:
        query: The text to search for.
        number: What the error calls it: its position in the batch, or its id.
        any_length: Whether it may be longer than a search takes.

    Raises:
        QueryError: It is not text, blank, too long, or has characters that cannot be encoded.
    """
    if not isinstance(query, str):
        raise QueryError(f"query {number} must be a string, not {type(query).__name__}: {query!r:.80}")
    if len(query) > MAX_QUERY_CHARACTERS and not any_length:
        raise QueryError(
            f"query {number} has {len(query)} characters; at most {MAX_QUERY_CHARACTERS} are allowed: shorten it"
        )
    if not query.strip():
        raise QueryError(f"query {number} is blank; give it words to search for")
    for position, character in enumerate(query):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            fault = "a NUL character" if character == "\0" else f"a lone surrogate U+{ord(character):04X}"
            raise QueryError(f"query {number} has {fault} at character {position}; take it out")
