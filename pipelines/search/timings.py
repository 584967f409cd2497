"""Timings: where the time of searches went, and how many candidates were reranked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...errors import ShardsUnavailable
from ...index import Coverage
from .scoring import SearchResult


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep a query was searched.

    Attributes:
        reranked: Candidates that the reranker scored.
        candidates: Candidates that the first stage retrieved, and neighbours that were added to them.
        wanted: Candidates to rerank; a deadline, a stop rule or an early exit may have scored fewer.
        generation: The generation of the index that the answer is of; None for a retriever without an index.
        skipped: Whether the query was not searched, because it is too long.
        coverage: How much of the index the answer is of; None where the index is not in shards.
    """

    reranked: int
    candidates: int
    wanted: int = 0
    generation: int | None = field(default=None, compare=False)
    skipped: bool = False
    coverage: Coverage | None = field(default=None, compare=False)


@dataclass(slots=True)
class Timings:
    """Where the time of searches went; ``search_batch`` adds to the record that it is given.

    Attributes:
        queries: Queries of all batches.
        pairs: Pairs that were reranked.
        retrieve_seconds: Seconds of the first stage.
        rerank_seconds: Seconds of the second stage.
        depths: An entry for each query.
        orders: All candidates of each query in their final order, without their ``stages``; None keeps none, a list is
            added to.
    """

    queries: int = 0
    pairs: int = 0
    retrieve_seconds: float = 0.0
    rerank_seconds: float = 0.0
    depths: list[Depth] = field(default_factory=list[Depth])
    orders: list[list[SearchResult]] | None = None

    def add(self, depths: Sequence[Depth], *, retrieve_seconds: float, rerank_seconds: float) -> None:
        """Add one more batch."""
        self.queries += len(depths)
        self.pairs += sum(depth.reranked for depth in depths)
        self.retrieve_seconds += retrieve_seconds
        self.rerank_seconds += rerank_seconds
        self.depths += depths


def require_coverage_shown(coverage: Coverage | None, answers: Sequence[Sequence[SearchResult]]) -> None:
    """Raise ``ShardsUnavailable`` where an answer is not of the whole index, and has no result that says so."""
    if coverage is not None and not coverage.complete and not all(answers):
        raise ShardsUnavailable(
            f"shards {', '.join(map(str, coverage.missing))} of {coverage.shards} do not answer, and a query found "
            "nothing without them; give Timings, whose depths have the coverage of such an answer too",
            shards=coverage.missing,
        )
