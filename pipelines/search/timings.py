"""Timings: where the time of searches went, and how many candidates were reranked. Knows no clock and no search."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Depth:
    """How many candidates of a query were reranked, of ``candidates`` that could have been."""

    reranked: int
    candidates: int


@dataclass(slots=True)
class Timings:
    """Where the time went: pass one to ``search_batch``, which adds to it. ``depths`` has an entry for each query."""

    queries: int = 0
    pairs: int = 0
    retrieve_seconds: float = 0.0
    rerank_seconds: float = 0.0
    depths: list[Depth] = field(default_factory=list[Depth])

    def add(self, depths: Sequence[Depth], *, retrieve_seconds: float, rerank_seconds: float) -> None:
        """One more batch."""
        self.queries += len(depths)
        self.pairs += sum(depth.reranked for depth in depths)
        self.retrieve_seconds += retrieve_seconds
        self.rerank_seconds += rerank_seconds
        self.depths += depths
