"""Measures how long searches take at each depth."""

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...rerank import Reranker
from ...retrieval import Retriever
from ..search import SearchPipeline

Floats = NDArray[np.float64]

WARM_UP = 2
"""Searches at the greatest depth that are not counted: the first ones allocate memory and compile code."""


@dataclass(frozen=True, slots=True)
class Latency:
    """The duration of whole searches that rerank ``depth`` candidates, in milliseconds."""

    depth: int
    median_ms: float
    p95_ms: float
    searches: int


def measure_latency(
    retriever: Retriever,
    reranker: Reranker,
    queries: Sequence[str],
    *,
    retrieve_k: int,
    depths: Sequence[int],
    clock: Callable[[], float] = time.perf_counter,
) -> list[Latency]:
    """Search every query, one at a time, at every depth.

    The depths take turns, so that a machine that is busy for a while slows all of them. A deeper search cannot be
    faster: where it was measured to be, both get their mean.

    Args:
        retriever: The first stage.
        reranker: The second stage.
        queries: Texts.
        retrieve_k: Documents that the first stage retrieves.
        depths: Numbers of candidates to rerank; 0 is the first stage alone.
        clock: Returns seconds.
    """
    if not queries:
        raise ArgumentError("a latency is measured on queries, and there are none")
    reranked = SearchPipeline(retriever, reranker, retrieve_k=retrieve_k, rerank_k=1, top_k=min(10, retrieve_k))
    alone = SearchPipeline(retriever, None, retrieve_k=retrieve_k, rerank_k=1, top_k=min(10, retrieve_k))
    for query in queries[:WARM_UP]:
        reranked.search(query, rerank_k=max(1, *depths))
    seconds = np.zeros((len(depths), len(queries)))
    for number, query in enumerate(queries):
        for turn in range(len(depths)):
            row = (turn + number) % len(depths)
            started = clock()
            if depths[row]:
                reranked.search(query, rerank_k=depths[row])
            else:
                alone.search(query)
            seconds[row, number] = clock() - started
    order = sorted(range(len(depths)), key=lambda row: depths[row])
    medians, tails = (1000.0 * _increasing(np.quantile(seconds[order], share, axis=1)) for share in (0.5, 0.95))
    return [
        Latency(depths[row], median, tail, len(queries))
        for row, median, tail in zip(order, medians.tolist(), tails.tolist(), strict=True)
    ]


def _increasing(values: Floats) -> Floats:
    """Return the nearest non-decreasing values: falling neighbours are replaced by their mean."""
    isotonic: Any = importlib.import_module("sklearn.isotonic")  # takes a second
    return isotonic.isotonic_regression(values)


def milliseconds(text: str) -> float:
    """Parse a duration such as ``300ms``, ``0.3s`` or ``300``, and return milliseconds.

    Raises:
        ArgumentError: It is not a duration.
    """
    number, factor = text.strip().lower(), 1.0
    for unit, value in (("ms", 1.0), ("s", 1000.0)):
        if number.endswith(unit):
            number, factor = number.removesuffix(unit), value
            break
    try:
        latency = float(number) * factor
    except ValueError:
        latency = 0.0
    if not 0.0 < latency < float("inf"):
        raise ArgumentError(f"a latency is a time such as 300ms or 0.3s, not {text!r}")
    return latency
