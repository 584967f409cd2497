"""AnswerOptions: how many passages are read, and which answers are given."""

from dataclasses import dataclass
from typing import TypedDict

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_number
from ...rerank.readers import MAX_ANSWER_TOKENS

DEFAULT_READ_K = 10


class AnswerValues(TypedDict, total=False):
    """The fields of ``AnswerOptions``, as keywords of the calls that make one."""

    read_k: int | None
    top_k: int
    spans: int
    max_answer_tokens: int
    min_confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """What is read, and which answers are given; every value is checked when it is made.

    Attributes:
        read_k: Passages that are read, the best ones after reranking. None is 10, or all where fewer are retrieved.
        top_k: The most answers.
        spans: The most answers of one passage.
        max_answer_tokens: The most tokens of an answer.
        min_confidence: Answers of less confidence are left out; without any left, there is no answer. None takes what
            the reader's settings say.

    Raises:
        ArgumentError: A value cannot be.
    """

    read_k: int | None = None
    top_k: int = 3
    spans: int = 1
    max_answer_tokens: int = MAX_ANSWER_TOKENS
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        for name in ("top_k", "spans", "max_answer_tokens"):
            checked_count(getattr(self, name), name)
        if self.read_k is not None:
            checked_count(self.read_k, "read_k")
        if self.min_confidence is not None:
            checked_number(self.min_confidence, "min_confidence", 0.0, 1.0)

    def passages_of(self, retrieved: int) -> int:
        """How many of the passages that are retrieved are read.

        Raises:
            ArgumentError: ``read_k`` was given, and is larger.
        """
        if self.read_k is not None and self.read_k > retrieved:
            raise ArgumentError(
                f"read_k={self.read_k} is larger than retrieve_k={retrieved}: the first stage must retrieve at least "
                "so many; raise retrieve_k, or lower read_k"
            )
        return self.read_k or min(DEFAULT_READ_K, retrieved)
