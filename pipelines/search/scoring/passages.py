"""Chooses the passages of a document that the second stage scores, and combines their logits into one.

MaxP, FirstP and the mean of the best passages, after Dai and Callan 2019 ("Deeper Text Understanding for IR with
Contextual Neural Language Modeling", arXiv 1905.09217), who sum where the best few are averaged here.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from ....errors.arguments import checked_choice
from ....index import Hit
from ...choices import PassageScoring
from .deadline import ScoreFunction
from .scorer import QueryHit

SCORINGS: tuple[PassageScoring, ...] = get_args(PassageScoring)
PASSAGES_SCORED = 3
"""Passages of a document that "max" and "mean" score: the best by the first stage."""
ALL_PASSAGES = 2**31
"""More passages than any document has."""


def passages_needed(scoring: PassageScoring) -> int:
    """Return how many passages of a document the first stage has to find.

    Raises:
        ArgumentError: ``scoring`` is unknown.
    """
    checked_choice(scoring, "passages", SCORINGS)
    return {"best": 1, "first": ALL_PASSAGES}.get(scoring, PASSAGES_SCORED)


def by_passages(score: ScoreFunction, scoring: PassageScoring) -> ScoreFunction:
    """Make a function that scores documents, from a function that scores passages.

    Args:
        score: Computes the logit of one passage of each candidate.
        scoring: Which passages of a document are scored, and which logit counts.
    """
    if scoring == "best":
        return score

    def documents(candidates: Sequence[QueryHit]) -> tuple[NDArray[np.float32], int]:
        chosen = [_passages_to_score(hit, scoring) for _, hit in candidates]
        pairs = [(query, hit) for (query, _), hits in zip(candidates, chosen, strict=True) for hit in hits]
        logits, computed = score(pairs)
        parts = np.split(logits, np.cumsum([len(hits) for hits in chosen])[:-1])
        combined = [part.mean() if scoring == "mean" else part.max() for part in parts]
        # The pace of a search is measured in documents.
        return np.array(combined, np.float32), math.ceil(computed * len(candidates) / len(pairs))

    return documents


def _passages_to_score(hit: Hit, scoring: PassageScoring) -> list[Hit]:
    """Return them, each as a hit of its own."""
    others = [
        dataclasses.replace(
            hit, passage=other.passage, tokens=other.tokens, token_vectors=other.token_vectors, score=other.score
        )
        for other in hit.others
    ]
    return [min([hit, *others], key=_start)] if scoring == "first" else [hit, *others]


def _start(hit: Hit) -> int:
    return hit.passage.start
