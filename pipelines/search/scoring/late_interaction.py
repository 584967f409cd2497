"""Sorts the candidates of a search by late interaction, before the reranker reads the best of them.

A fast reranker scores every candidate by the token vectors that the index stores (late interaction: Khattab and Zaharia
2020, "ColBERT", arXiv 2004.12832). Its scores are blended with those of the first stage, as the reranker's are later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ....index import Hit, StageScore
from ....retrieval import Explorer
from .blend import SMALLEST_DEVIATION
from .deadline import ScoreFunction
from .stages import first_stage

STAGE = "late interaction"
"""The name of this step among the stages of a result."""


@dataclass(frozen=True, slots=True)
class BlendScale:
    """How scores of the first stage and of late interaction are blended: by mean and deviation of the candidates.

    Attributes:
        blend: Weight of late interaction, from 0 to 1.
        first: Mean and deviation of the scores of the first stage.
        late: Mean and deviation of the scores of late interaction.
    """

    blend: float
    first: tuple[float, float]
    late: tuple[float, float]

    @classmethod
    def of(cls, first: NDArray[np.float64], late: NDArray[np.float64], blend: float) -> "BlendScale":
        """Measure the candidates of a query; both arrays have the shape (candidates,), at least one."""
        return cls(blend, (float(first.mean()), float(first.std())), (float(late.mean()), float(late.std())))

    def apply(self, first: NDArray[np.float64], late: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the blend of scores of documents, both arrays of shape (n,)."""
        return self.blend * _scaled(late, *self.late) + (1.0 - self.blend) * _scaled(first, *self.first)


def sort_by_late_interaction(
    queries: Sequence[str], candidates: Sequence[Sequence[Hit]], score: ScoreFunction, *, blend: float
) -> tuple[list[list[Hit]], list[BlendScale | None]]:
    """Sort the candidates of each query by the blend of both scores, which becomes ``Hit.score``.

    Args:
        queries: Texts.
        candidates: The hits of the first stage for each query, best first.
        score: Computes the scores of late interaction.
        blend: Weight of these against the scores of the first stage, from 0 to 1.

    Returns:
        The hits of each query, best first; equal scores keep their order. And how each query's scores were blended;
        None for a query without candidates.
    """
    scores, _ = score([(query, hit) for query, hits in zip(queries, candidates, strict=True) for hit in hits])
    parts = np.split(scores.astype(np.float64), np.cumsum([len(hits) for hits in candidates])[:-1])
    ordered: list[list[Hit]] = []
    scales: list[BlendScale | None] = []
    for hits, late in zip(candidates, parts, strict=True):
        first = np.array([hit.score for hit in hits], np.float64)
        scale = BlendScale.of(first, late, blend) if len(hits) else None
        ordered.append([] if scale is None else _sorted(hits, scale.apply(first, late)))
        scales.append(scale)
    return ordered, scales


class LateInteractionExplorer:
    """Finds neighbours, and scores them as the candidates of their query were scored."""

    def __init__(
        self, explorer: Explorer, queries: Sequence[str], score: ScoreFunction, scales: Sequence[BlendScale | None]
    ) -> None:
        """Score what ``explorer`` finds; ``score`` and ``scales`` are those of ``sort_by_late_interaction``."""
        self._explorer, self._queries, self._score, self._scales = explorer, queries, score, scales

    def neighbours(self, query: int, ids: Sequence[str], k: int) -> list[list[Hit]]:
        """Return the ``k`` documents nearest to each of the given ones; see ``Explorer``."""
        found, scale = self._explorer.neighbours(query, ids, k), self._scales[query]
        hits = {hit.document.id: hit for near in found for hit in near}
        if scale is None or not hits:
            return found
        late, _ = self._score([(self._queries[query], hit) for hit in hits.values()])
        first = np.array([hit.score for hit in hits.values()], np.float64)
        blended = scale.apply(first, late.astype(np.float64)).tolist()
        scored = {id_: replace(hit, score=value) for (id_, hit), value in zip(hits.items(), blended, strict=True)}
        return [[scored[hit.document.id] for hit in near] for near in found]


def _sorted(hits: Sequence[Hit], scores: NDArray[np.float64]) -> list[Hit]:
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    stages = [hit.stages or (first_stage(hit, rank),) for rank, hit in enumerate(hits, start=1)]
    return [
        replace(hits[row], score=float(scores[row]), stages=(*stages[row], StageScore(STAGE, rank, float(scores[row]))))
        for rank, row in enumerate(order, start=1)
    ]


def _scaled(values: NDArray[np.float64], mean: float, deviation: float) -> NDArray[np.float64]:
    return (values - mean) / deviation if deviation > SMALLEST_DEVIATION else np.zeros_like(values)
