"""The first stages that a tuning tries: vectors alone, and fusions with words, some of them with feedback."""

from dataclasses import dataclass

from ...retrieval import Feedback, NormalisedSum, ReciprocalRank, TermShare
from ..search import KnownFusion

SHARES = tuple(TermShare(weight) for weight in (0.3, 0.5, 0.7))
SUMS: tuple[KnownFusion, ...] = (*(NormalisedSum(step / 10) for step in range(1, 11)), ReciprocalRank())
"""Without the lexical weight 0, which is the dense score alone."""
FEEDBACK = Feedback()
"""The one strength that is tried: its own were chosen among 26, and each more would be one more chance of luck."""


@dataclass(frozen=True, slots=True)
class FirstStageSetting:
    """How candidates are ordered before they are reranked.

    Attributes:
        fusion: How dense and lexical scores are combined; None is vectors alone.
        feedback: The strengths of pseudo-relevance feedback; None is none.
    """

    fusion: KnownFusion | None = None
    feedback: Feedback | None = None


VECTORS = FirstStageSetting()
WITH_FEEDBACK = tuple(FirstStageSetting(fusion, FEEDBACK) for fusion in SHARES)
