"""Puts texts into groups by the pairs of them that are alike."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .comparison import Comparison

_UNITS = 1_000_000
"""Scores are summed as whole numbers, so that the sum does not depend on the order."""


@dataclass(frozen=True, slots=True)
class AlikePairs:
    """Pairs of texts that are alike, each once.

    Attributes:
        first: The lower number of each pair, int64.
        second: The higher one.
        scores: Their cosines, float32.
        verified: What the model of pairs gave, float32.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    scores: NDArray[np.float32]
    verified: NDArray[np.float32]

    def __iter__(self) -> Iterator[tuple[int, int, float, float]]:
        first: list[int] = self.first.tolist()
        second: list[int] = self.second.tolist()
        scores: list[float] = self.scores.tolist()
        return iter(zip(first, second, scores, cast("list[float]", self.verified.tolist()), strict=True))


@dataclass(frozen=True, slots=True)
class TextGroup:
    """Texts that belong together.

    Attributes:
        medoid: The text that is most like the others.
        members: The other texts.
        scores: Their cosines with the medoid.
        verified: What the model of pairs gave for them with the medoid.
    """

    medoid: int
    members: list[int] = field(default_factory=list[int])
    scores: list[float] = field(default_factory=list[float])
    verified: list[float] = field(default_factory=list[float])


class _Graph:
    """Which texts are alike, and how many documents have each."""

    def __init__(self, pairs: AlikePairs, counts: Sequence[int]) -> None:
        self._counts = counts
        self._neighbours: dict[int, dict[int, tuple[float, float]]] = {}
        for first, second, score, verified in pairs:
            self._neighbours.setdefault(first, {})[second] = (score, verified)
            self._neighbours.setdefault(second, {})[first] = (score, verified)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._neighbours))

    def near(self, text: int) -> dict[int, tuple[float, float]]:
        """Return the texts that are like one, with the score and the verification of each."""
        return self._neighbours[text]

    def strength(self, text: int) -> int:
        """Return how like a text all documents are that have it or a neighbour of it, together."""
        near = sum(self.share(other, score) for other, (score, _) in self._neighbours[text].items())
        return self.share(text, 1.0) + near

    def share(self, text: int, score: float) -> int:
        """Return what a neighbour adds to the strength of a text."""
        return self._counts[text] * round(score * _UNITS)


def groups_by_medoid(pairs: AlikePairs, counts: Sequence[int], comparison: Comparison) -> list[TextGroup]:
    """Find groups in which each text is like the medoid, so that no chain joins strangers.

    The text that most documents are like gathers those that are like it, then the next one of those that are left.
    Its group spreads over neighbours of neighbours as long as each is like the medoid itself: so a crowd stays one
    group although only some neighbours of each text are known.
    """
    graph = _Graph(pairs, counts)
    strength = {text: graph.strength(text) for text in graph}
    waiting = [(-value, text) for text, value in strength.items()]
    heapq.heapify(waiting)
    free = set(strength)
    groups: list[TextGroup] = []
    while waiting:
        value, medoid = heapq.heappop(waiting)
        if medoid not in free or -value != strength[medoid]:
            continue
        group = _gathered(medoid, graph, free, comparison)
        for text in (medoid, *group.members):
            free.discard(text)
        for text in (medoid, *group.members):
            for neighbour, (score, _) in graph.near(text).items():
                if neighbour in free:
                    strength[neighbour] -= graph.share(text, score)
                    heapq.heappush(waiting, (-strength[neighbour], neighbour))
        if group.members:
            groups.append(group)
    return groups


def groups_by_chain(pairs: AlikePairs, counts: Sequence[int], comparison: Comparison) -> list[TextGroup]:
    """Find groups in which each text is like at least one other: the connected components."""
    graph = _Graph(pairs, counts)
    free = set(graph)
    groups: list[TextGroup] = []
    for start in graph:
        if start not in free:
            continue
        free.discard(start)
        component = [start]
        for text in component:
            new = [neighbour for neighbour in graph.near(text) if neighbour in free]
            free.difference_update(new)
            component += new
        medoid = min(component, key=lambda text: (-graph.strength(text), text))
        members = np.array(sorted(set(component) - {medoid}), np.int64)
        judged = comparison.judge(np.full_like(members, medoid), members)
        groups.append(TextGroup(medoid, members.tolist(), judged.scores.tolist(), judged.verified.tolist()))
    return groups


def _gathered(medoid: int, graph: _Graph, free: set[int], comparison: Comparison) -> TextGroup:
    """Return the group of a medoid among the texts that are free."""
    group = TextGroup(medoid)
    seen = {medoid}
    level = [text for text in sorted(graph.near(medoid)) if text in free]
    seen.update(level)
    for text in level:
        _join(group, text, *graph.near(medoid)[text])
    while level:
        further = sorted({near for text in level for near in graph.near(text) if near in free and near not in seen})
        seen.update(further)
        level = list[int]()
        if further:
            texts = np.array(further, np.int64)
            judged = comparison.judge(np.full_like(texts, medoid), texts)
            for row in np.flatnonzero(judged.is_same).tolist():
                _join(group, further[row], float(judged.scores[row]), float(judged.verified[row]))
                level.append(further[row])
    return group


def _join(group: TextGroup, text: int, score: float, verified: float) -> None:
    group.members.append(text)
    group.scores.append(score)
    group.verified.append(verified)
