"""Adaptive reading: neighbours of good candidates share the budget of those retrieved. Knows no index and no model.

Graph-based adaptive re-ranking (MacAvaney, Tonellotto and Macdonald 2022, "Adaptive Re-Ranking with a Corpus Graph",
arXiv 2208.08942, algorithm 1): what resembles a document that the reranker likes is likely to be relevant too, also
where stage one did not find it. Batches come in turn from the candidates of stage one and from the frontier, the
neighbours of what was read, those of the best first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ....index import Hit
from ....retrieval import Explorer
from .budget import Deadline, ScoreFunction
from .results import ScoredCandidates

BATCH = 16
"""Candidates of a query between two looks at their neighbours, as in the paper."""
NEIGHBOURS = 16
"""Of each document that was read; the paper's own number."""


@dataclass(slots=True)
class _Reading:
    """How far the reading of one query has come."""

    waiting: list[Hit]
    read: dict[str, tuple[Hit, float]] = field(default_factory=dict[str, tuple[Hit, float]])
    frontier: dict[str, tuple[Hit, float]] = field(default_factory=dict[str, tuple[Hit, float]])
    """Neighbours that were not read, each with the best logit of those that led to it."""
    outwards: bool = False

    def take(self, size: int) -> list[Hit]:
        """The next to read, at most ``size``; from the frontier every other time."""
        from_frontier = bool(self.frontier) and (self.outwards or not self.waiting)
        self.outwards = not from_frontier
        if from_frontier:
            ranked = sorted(self.frontier.values(), key=lambda entry: (-entry[1], *_place(entry[0])))
            taken = [hit for hit, _ in ranked[:size]]
        else:
            taken = self.waiting[:size]
        ids = {hit.document.id for hit in taken}
        self.waiting = [hit for hit in self.waiting if hit.document.id not in ids]
        self.frontier = {id_: entry for id_, entry in self.frontier.items() if id_ not in ids}
        return taken

    def learn(self, hits: Sequence[Hit], logits: Sequence[float], near: Sequence[Sequence[Hit]]) -> None:
        """These were read, and lie near those."""
        for hit, logit in zip(hits, logits, strict=True):
            self.read[hit.document.id] = hit, logit
        known = {hit.document.id: hit for hit in self.waiting}
        for logit, neighbours in zip(logits, near, strict=True):
            for hit in neighbours:
                id_ = hit.document.id
                if id_ not in self.read and (id_ not in self.frontier or self.frontier[id_][1] < logit):
                    # A candidate stays the hit that stage one made of it.
                    self.frontier[id_] = known.get(id_, hit), logit

    def result(self) -> ScoredCandidates:
        """What was read, best of stage one first, and then the rest."""
        read = sorted(self.read.values(), key=lambda entry: _place(entry[0]))
        hits = [hit for hit, _ in read] + self.waiting
        ranks = {hit.document.id: rank for rank, hit in enumerate(sorted(hits, key=_place), start=1)}
        logits = np.array([logit for _, logit in read], np.float32)
        return ScoredCandidates(hits, logits, [ranks[hit.document.id] for hit in hits])


def score_adaptively(
    queries: Sequence[str],
    candidates: Sequence[Sequence[Hit]],
    score: ScoreFunction,
    explorer: Explorer,
    *,
    depth: int,
    deadline: Deadline | None = None,
) -> list[ScoredCandidates]:
    """ScoredCandidates at most ``depth`` documents of each query, candidates and their neighbours in turn.

    All queries advance together, a batch of each in one call of ``score``; a deadline ends the reading between two.
    """
    readings = [_Reading(list(hits)) for hits in candidates]
    left = not _is_over(deadline)
    while left:
        batches = [(n, reading.take(min(BATCH, depth - len(reading.read)))) for n, reading in enumerate(readings)]
        pairs = [(queries[n], hit) for n, hits in batches for hit in hits]
        if not pairs:
            break
        logits, _ = score(pairs)
        values = iter(logits.tolist())
        left = not _is_over(deadline)
        for n, hits in batches:
            more = left and len(readings[n].read) + len(hits) < depth
            near = explorer.neighbours(n, [hit.document.id for hit in hits], NEIGHBOURS) if hits and more else None
            readings[n].learn(hits, [next(values) for _ in hits], near or [[] for _ in hits])
    return [reading.result() for reading in readings]


def _is_over(deadline: Deadline | None) -> bool:
    return deadline is not None and deadline.clock() >= deadline.at


def _place(hit: Hit) -> tuple[float, str]:
    """Where a hit stands in the order of stage one."""
    return -hit.score, hit.document.id
