"""A reader that remembers what it found."""

import sys
from collections.abc import Sequence

import numpy as np
from bicross.rerank import Pair
from bicross.rerank.readers import MAX_ANSWER_TOKENS, Reader, Span
from numpy.typing import NDArray

AT_ONCE = 64


class RememberedReader:
    """Returns the spans of another reader, computes each once, and knows what was read for a question."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.calibration, self.no_answer_below = reader, reader.calibration, reader.no_answer_below
        self._spans: dict[Pair, list[Span]] = {}
        self.read_for: dict[str, set[str]] = {}

    def read(
        self, pairs: Sequence[Pair], *, spans: int = 1, max_answer_tokens: int = MAX_ANSWER_TOKENS
    ) -> list[list[Span]]:
        """Find the best answer in each passage."""
        assert spans == 1
        missing = list(dict.fromkeys(pair for pair in pairs if pair not in self._spans))
        new_spans = self.reader.read(missing, spans=spans, max_answer_tokens=max_answer_tokens)
        self._spans.update(zip(missing, new_spans, strict=True))
        for question, passage in pairs:
            self.read_for.setdefault(question, set()).add(passage)
        return [self._spans[pair] for pair in pairs]

    def best(self, pairs: Sequence[Pair], name: str) -> list[Span]:
        """Return the best answer in each passage, and show how far it is."""
        best: list[Span] = []
        for start in range(0, len(pairs), AT_ONCE):
            spans_of_part = self.read(pairs[start : start + AT_ONCE])
            best += [spans[0] if spans else Span("", 0, 0, -np.inf) for spans in spans_of_part]
            print(f"\r  {name}: {len(best)} of {len(pairs)}", end="", file=sys.stderr)
        print(file=sys.stderr)
        return best

    def confidences(self, spans: Sequence[Span]) -> NDArray[np.float64]:
        """Return the probabilities that answers are right."""
        return np.asarray(self.calibration.apply([span.score for span in spans]), np.float64)
