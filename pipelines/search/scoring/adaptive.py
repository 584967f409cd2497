"""Adaptive reranking: the neighbours of good candidates are scored within the same budget as the candidates.

Graph-based adaptive re-ranking (MacAvaney, Tonellotto and Macdonald 2022, "Adaptive Re-Ranking with a Corpus Graph",
arXiv 2208.08942, algorithm 1). A document that resembles one with a high logit is likely to be relevant too, even if
the first stage did not find it. Batches alternate between the candidates of the first stage and the frontier. The
frontier holds the neighbours of scored documents; the neighbours of the best documents come first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ....index import Hit
from ....retrieval import Explorer
from .deadline import Deadline, ScoreFunction
from .results import ScoredCandidates

BATCH = 16
"""Candidates of a query that are scored before their neighbours are looked up, as in the paper."""
NEIGHBOURS = 16
"""Neighbours to look up for each scored document, as in the paper."""


@dataclass(slots=True)
class _QueryState:
    """The state of adaptive reranking for one query."""

    waiting: list[Hit]
    scored: dict[str, tuple[Hit, float]] = field(default_factory=dict[str, tuple[Hit, float]])
    frontier: dict[str, tuple[Hit, float]] = field(default_factory=dict[str, tuple[Hit, float]])
    """Neighbours that are not scored yet, each with the best logit of the documents that led to it."""
    outwards: bool = False

    def take(self, size: int) -> list[Hit]:
        """Return at most ``size`` documents to score next, from the frontier every other time."""
        from_frontier = bool(self.frontier) and (self.outwards or not self.waiting)
        self.outwards = not from_frontier
        if from_frontier:
            ranked = sorted(self.frontier.values(), key=lambda entry: (-entry[1], *_first_stage_key(entry[0])))
            taken = [hit for hit, _ in ranked[:size]]
        else:
            taken = self.waiting[:size]
        ids = {hit.document.id for hit in taken}
        self.waiting = [hit for hit in self.waiting if hit.document.id not in ids]
        self.frontier = {id_: entry for id_, entry in self.frontier.items() if id_ not in ids}
        return taken

    def record(self, hits: Sequence[Hit], logits: Sequence[float], near: Sequence[Sequence[Hit]]) -> None:
        """Record the logits of scored documents, and add their neighbours to the frontier."""
        for hit, logit in zip(hits, logits, strict=True):
            self.scored[hit.document.id] = hit, logit
        waiting_hits = {hit.document.id: hit for hit in self.waiting}
        for logit, neighbours in zip(logits, near, strict=True):
            for hit in neighbours:
                id_ = hit.document.id
                if id_ not in self.scored and (id_ not in self.frontier or self.frontier[id_][1] < logit):
                    # Keep the hit of the first stage for a document that is also a candidate.
                    self.frontier[id_] = waiting_hits.get(id_, hit), logit

    def result(self) -> ScoredCandidates:
        """Return the scored documents in the order of the first stage, and then the rest."""
        scored = sorted(self.scored.values(), key=lambda entry: _first_stage_key(entry[0]))
        hits = [hit for hit, _ in scored] + self.waiting
        ranks = {hit.document.id: rank for rank, hit in enumerate(sorted(hits, key=_first_stage_key), start=1)}
        logits = np.array([logit for _, logit in scored], np.float32)
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
    """Score at most ``depth`` documents of each query, alternating between candidates and their neighbours.

    All queries advance together: each call of ``score`` has one batch of every query.

    Args:
        queries: Texts.
        candidates: The hits of the first stage for each query, best first.
        score: Computes the logits of candidates.
        explorer: Finds the neighbours of a document.
        depth: The most documents to score for each query.
        deadline: When scoring ends; it is checked between two calls of ``score``. None is no deadline.

    Returns:
        The scored candidates of each query.
    """
    states = [_QueryState(list(hits)) for hits in candidates]
    is_in_time = not _is_over(deadline)
    while is_in_time:
        batches = [(n, state.take(min(BATCH, depth - len(state.scored)))) for n, state in enumerate(states)]
        pairs = [(queries[n], hit) for n, hits in batches for hit in hits]
        if not pairs:
            break
        logits, _ = score(pairs)
        values = iter(logits.tolist())
        is_in_time = not _is_over(deadline)
        for n, hits in batches:
            more = is_in_time and len(states[n].scored) + len(hits) < depth
            near = explorer.neighbours(n, [hit.document.id for hit in hits], NEIGHBOURS) if hits and more else None
            states[n].record(hits, [next(values) for _ in hits], near or [[] for _ in hits])
    return [state.result() for state in states]


def _is_over(deadline: Deadline | None) -> bool:
    return deadline is not None and deadline.clock() >= deadline.at


def _first_stage_key(hit: Hit) -> tuple[float, float, str]:
    """Return the key that sorts hits in the order of the first stage; equals by dense score, as hybrid search does."""
    return -hit.score, -(hit.dense_score or 0.0), hit.document.id
