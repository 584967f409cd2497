"""What a caller may ask of a search: cutoffs, queries, deadlines. Knows no search."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import ArgumentError, QueryError

MAX_QUERY_CHARACTERS = 8192
DEFAULT_K = 100
"""Documents that stage one retrieves and that stage two reads, where nothing else was said or tuned."""
MAX_RETRIEVE_K = 10_000
"""What settings that came with an index may ask of stage one; a caller may ask for more."""

RerankK = int | Literal["auto"]
"""How many candidates stage two reads; "auto" leaves it to a ``StopRule``."""


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The three k of one call."""

    retrieve_k: int
    rerank_k: RerankK
    top_k: int

    def __post_init__(self) -> None:
        for name in ("retrieve_k", "rerank_k", "top_k"):
            if name != "rerank_k" or self.rerank_k != "auto":
                _require_positive(name, getattr(self, name))
        for name, value in (("rerank_k", self.depth), ("top_k", self.top_k)):
            if value > self.retrieve_k:
                raise ArgumentError(
                    f"{name}={value} is larger than retrieve_k={self.retrieve_k}: "
                    "stage two cannot see what stage one did not retrieve"
                )

    @property
    def depth(self) -> int:
        """The most candidates that stage two reads."""
        return self.retrieve_k if self.rerank_k == "auto" else self.rerank_k

    def replaced(self, retrieve_k: int | None, rerank_k: RerankK | None, top_k: int | None) -> "Cutoffs":
        """With what is given; where only ``retrieve_k`` is, and is smaller than the other two, these follow it."""
        if retrieve_k is None:
            retrieve_k = self.retrieve_k
        _require_positive("retrieve_k", retrieve_k)
        if rerank_k is None:
            rerank_k = self.rerank_k if self.rerank_k == "auto" else min(self.rerank_k, retrieve_k)
        return Cutoffs(retrieve_k, rerank_k, min(self.top_k, retrieve_k) if top_k is None else top_k)


def check_deadline(deadline_ms: float | None) -> None:
    """Raise ``ArgumentError`` unless it is None or milliseconds from 0."""
    if deadline_ms is None:
        return
    number = type(deadline_ms) in (int, float)  # no bool, which is an int
    if not number or not 0 <= deadline_ms < math.inf:
        raise ArgumentError(f"deadline_ms must be a number of milliseconds from 0, or None, not {deadline_ms!r}")


def check_relevance(min_relevance: float | None) -> None:
    """Raise ``ArgumentError`` unless it is None or a number from 0 to 1."""
    if min_relevance is None:
        return
    if type(min_relevance) not in (int, float) or not 0 <= min_relevance <= 1:  # no bool, which is an int
        raise ArgumentError(f"min_relevance must be a number from 0 to 1, or None, not {min_relevance!r}")


def _require_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, not {value!r}")


def check_queries(queries: Sequence[str]) -> None:
    """Raise ``QueryError`` where one cannot be searched, or where they are one text."""
    if isinstance(queries, str):
        raise QueryError("search_batch takes a list of queries; for one query call search")
    for number, query in enumerate(queries):
        check_query(query, number)


def check_query(query: object, number: int | str) -> None:
    """Raise ``QueryError`` naming the query by its place in the batch, or by what else it is called."""
    if not isinstance(query, str):
        raise QueryError(f"query {number} must be a string, not {type(query).__name__}: {query!r:.80}")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise QueryError(f"query {number} has {len(query)} characters; at most {MAX_QUERY_CHARACTERS} are allowed")
    if not query.strip():
        raise QueryError(f"query {number} is blank")
    for position, character in enumerate(query):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            what = "a NUL character" if character == "\0" else f"a lone surrogate U+{ord(character):04X}"
            raise QueryError(f"query {number} has {what} at character {position}")


def read_cascade(text: str | None) -> list[tuple[int, int]] | None:
    """A cascade as commands take it: 3:30,4:10 is [(3, 30), (4, 10)]; None stays None."""
    if text is None:
        return None
    try:
        return [(int(layer), int(keep)) for layer, keep in (stage.split(":") for stage in text.split(","))]
    except ValueError:
        raise ArgumentError(f"a cascade is written as LAYER:CANDIDATES, as in 3:30,4:10, not {text!r}") from None


def read_layers(text: str | None) -> tuple[int, ...]:
    """Layers as commands take them: 3,4 is (3, 4), in ascending order; None is none."""
    if text is None:
        return ()
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise ArgumentError(f"layers are numbers joined by commas, as in 3,4, not {text!r}") from None
