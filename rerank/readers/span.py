"""What a reader finds, and what a reader is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..calibration import Calibration
from ..reranker import Pair

MAX_ANSWER_TOKENS = 30


@dataclass(frozen=True, slots=True)
class Span:
    """An answer in a passage: ``passage[start:end] == text``.

    Attributes:
        text: The answer.
        start: Its first character.
        end: The one after its last character.
        score: The logits of its first and last token, less those of [CLS], which stands for no answer. Below 0 the
            reader finds it likelier that the passage has no answer.
    """

    text: str
    start: int
    end: int
    score: float


class Reader(Protocol):
    """Finds answers to questions in passages."""

    @property
    def calibration(self) -> Calibration:
        """The curve from the score of a span to the probability that it is right."""
        ...

    @property
    def no_answer_below(self) -> float:
        """The probability below which a passage counts as one without an answer."""
        ...

    def read(
        self, pairs: Sequence[Pair], *, spans: int = 1, max_answer_tokens: int = MAX_ANSWER_TOKENS
    ) -> list[list[Span]]:
        """Find the best answers in passages.

        Args:
            pairs: (question, passage) texts.
            spans: The most answers of a passage, which do not overlap.
            max_answer_tokens: The most tokens of an answer.

        Returns:
            For each pair its answers, best first. A passage without words has none.
        """
        ...
