"""Evaluates every setting of a search on scores that were computed before.

The results of a search are computed by the same ``final_scores`` and fusions, and ordered as a search orders them:
reranked candidates by their final score, then the rest in the order of the first stage. Candidates with equal scores
keep the order of the first stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ...rerank import ideal_dcg, ndcg
from ...retrieval import Feedback
from ..evaluation import Judged
from ..search import DEFAULT_K, IndexDefaults, KnownFusion, final_scores
from .first_stages import SHARES, SUMS, VECTORS, WITH_FEEDBACK, FirstStageSetting
from .scores import FEEDBACK_K, QueryScores, Scored

CUTOFF = 10
BLENDS = tuple(step / 10 for step in range(1, 11))
"""Without 0, which is the order of the first stage at every depth."""
FIRST_STAGES = (VECTORS, *(FirstStageSetting(fusion) for fusion in (*SUMS, *SHARES)), *WITH_FEEDBACK)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A setting of a search.

    Attributes:
        fusion: How dense and lexical scores are combined; None is a first stage by vectors alone.
        depth: Candidates of the first stage to rerank; 0 is the first stage alone.
        blend: Weight of the logits, from 0 to 1; it has no meaning with ``depth`` 0.
        feedback: The strengths of pseudo-relevance feedback in the first stage; None is none.
    """

    fusion: KnownFusion | None
    depth: int
    blend: float
    feedback: Feedback | None = None

    @property
    def first_stage(self) -> FirstStageSetting:
        """How candidates are ordered before they are reranked."""
        return FirstStageSetting(self.fusion, self.feedback)

    @property
    def alone(self) -> "Configuration":
        """The same first stage without a reranker."""
        return Configuration(self.fusion, 0, 1.0, self.feedback)

    @property
    def cost(self) -> float:
        """The cost, to prefer the cheaper of two equally good ones: pairs to score, a lexical search, feedback."""
        return self.depth + (0.0 if self.fusion is None else 0.5) + (0.0 if self.feedback is None else 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """Queries with equally many candidates, in the order of one first stage; arrays of shape (queries, candidates)."""

    queries: NDArray[np.int64]
    retrieval: Floats
    logits: Floats
    grades: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The quality of every setting.

    Attributes:
        configurations: The settings.
        ndcg: nDCG@10 of each query; shape (configurations, queries).
    """

    configurations: tuple[Configuration, ...]
    ndcg: Floats

    @property
    def costs(self) -> Floats:
        """Return the cost of each setting; shape (configurations,)."""
        return np.array([configuration.cost for configuration in self.configurations])

    def place(self, configuration: Configuration) -> int:
        """Return the row of a setting."""
        return self.configurations.index(configuration)


def depths_up_to(k: int) -> list[int]:
    """Return the depths that are tried: 5, then every ten, and ``k`` itself."""
    return sorted({depth for depth in (5, *range(10, k, 10), k) if depth <= k})


def default_configuration(k: int, blend: float, defaults: IndexDefaults | None = None) -> Configuration:
    """Return the setting of a search that nothing was tuned for.

    Args:
        k: Candidates of the first stage.
        blend: That of the reranker.
        defaults: Those of the index. Their feedback counts from ``FEEDBACK_K`` candidates on.
    """
    fusion = None if defaults is None else defaults.fusion
    feedback = None if defaults is None or k < FEEDBACK_K else defaults.feedback
    return Configuration(fusion, min(DEFAULT_K, k), blend, feedback)


def evaluate_grid(scored: Scored, judged: Judged, *, default: Configuration | None = None) -> Grid:
    """Compute nDCG@10 of every query for every depth, blend and fusion.

    Args:
        scored: The scores of the candidates.
        judged: The judgments.
        default: A setting whose first stage and blend are tried too.
    """
    blends = BLENDS if default is None else sorted({*BLENDS, default.blend})

    configurations: list[Configuration] = []
    rows: list[Floats] = []
    ideals = np.array([ideal_dcg(judged.qrels[query.query_id].values(), cutoff=CUTOFF) for query in scored.queries])
    tried = FIRST_STAGES if default is None else dict.fromkeys((*FIRST_STAGES, default.first_stage))
    for first_stage in tried:
        if not scored.has(first_stage):
            continue
        sheets = _sheets(scored, judged, first_stage)
        for depth in (0, *depths_up_to(scored.k)):
            for blend in blends if depth else (1.0,):
                configurations.append(Configuration(first_stage.fusion, depth, blend, first_stage.feedback))
                rows.append(_ndcg(sheets, ideals, depth, blend))
    return Grid(tuple(configurations), np.array(rows))


def recall_curve(scored: Scored, judged: Judged, first_stage: FirstStageSetting) -> tuple[tuple[int, float], ...]:
    """Return for several k the share of relevant documents among the first k of the first stage.

    Args:
        scored: The scores of the candidates.
        judged: The judgments.
        first_stage: How candidates are ordered.

    Returns:
        Pairs of k and recall@k, averaged over queries.
    """
    ks = sorted({1, 2, 3, *depths_up_to(scored.k)})
    totals = np.array([sum(grade > 0 for grade in judged.qrels[query.query_id].values()) for query in scored.queries])
    retrieved = np.zeros((len(scored.queries), len(ks)))
    for sheet in _sheets(scored, judged, first_stage):
        retrieved[sheet.queries] = np.stack([(sheet.grades[:, :k] > 0).sum(axis=1) for k in ks], axis=1)
    return tuple(zip(ks, (retrieved / totals[:, None]).mean(axis=0).tolist(), strict=True))


def grades_of(query: QueryScores, judged: Judged) -> Floats:
    """Return the grade of each candidate; 0 where it has no judgment."""
    grades = judged.qrels[query.query_id]
    return np.array([max(0, grades.get(document, 0)) for document in query.documents], np.float64)


def _sheets(scored: Scored, judged: Judged, first_stage: FirstStageSetting) -> list[_Sheet]:
    rows: list[tuple[int, int, Floats, Floats, Floats]] = []
    for number, query in enumerate(scored.queries):
        best, scores = query.ranked(first_stage, scored.k)
        rows.append((len(best), number, scores, query.logits[best], grades_of(query, judged)[best]))
    rows.sort(key=lambda row: row[:2])
    sheets: list[_Sheet] = []
    for _, group in groupby(rows, key=lambda row: row[0]):
        members = list(group)
        sheets.append(
            _Sheet(
                np.array([row[1] for row in members]),
                np.array([row[2] for row in members]),
                np.array([row[3] for row in members]),
                np.array([row[4] for row in members]),
            )
        )
    return sheets


def _ndcg(sheets: Sequence[_Sheet], ideals: Floats, depth: int, blend: float) -> Floats:
    values = np.zeros(len(ideals))
    for sheet in sheets:
        grades = sheet.grades
        if depth and grades.shape[1]:
            scores = final_scores(sheet.logits[:, :depth], sheet.retrieval[:, :depth], blend)
            reranked = np.take_along_axis(grades[:, :depth], np.argsort(-scores, axis=1, kind="stable"), axis=1)
            grades = np.concatenate([reranked, grades[:, depth:]], axis=1)
        values[sheet.queries] = ndcg(grades, ideals[sheet.queries], cutoff=CUTOFF)
    return values
