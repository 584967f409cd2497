"""What a reader learns from: questions, passages and where the answers are."""

from dataclasses import dataclass

from ...errors import ArgumentError


@dataclass(frozen=True, slots=True)
class ReadingExample:
    """A question and a passage.

    Attributes:
        question: The question.
        passage: The passage.
        spans: The answers in the passage, each as its first character and the one after its last. Several are what
            several people marked. Empty: the passage has no answer.

    Raises:
        ArgumentError: A text is blank, or a span is empty or outside the passage.
    """

    question: str
    passage: str
    spans: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("question", "passage"):
            if not getattr(self, name).strip():
                raise ArgumentError(f"the {name} of a reading example is blank")
        for start, end in self.spans:
            if not 0 <= start < end <= len(self.passage):
                raise ArgumentError(
                    f"the answer [{start}, {end}) is not inside the passage of {len(self.passage)} characters: "
                    f"{self.passage!r:.80}"
                )
