"""Counts and cuts the tokens of texts, so that an answer can say what the model did not see."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...inference import TextTokenizer
from .batching import about_tokens

UNLIMITED = 1 << 30


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts tokens as the reranker does.

    Attributes:
        tokenizer: Its tokenizer; None estimates the counts from the characters.
        most: The most tokens of a pair, special tokens included.
        special: The special tokens of a pair.
    """

    tokenizer: TextTokenizer | None
    most: int
    special: int

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        if self.tokenizer is None:
            return [about_tokens(text, UNLIMITED) for text in texts]
        return self.tokenizer.count(texts)

    def cut(self, query: int, texts: Sequence[int]) -> list[int]:
        """Return the places of the texts that do not fit a pair with a query of so many tokens."""
        room = self.most - self.special - query
        return [position for position, tokens in enumerate(texts) if tokens > room]

    def shortened(self, text: str, tokens: int) -> str:
        """Return the beginning of a text, of at most so many tokens."""
        if self.tokenizer is None:
            return text
        [(_, offsets)] = self.tokenizer.encode_with_offsets([text])
        return text if len(offsets) <= tokens else text[: int(offsets[tokens - 1][1])]
