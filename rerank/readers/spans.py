"""Chooses answers from the outputs of a reader: windows over a passage, and spans of tokens in them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_TRIED = 20
"""Spans of a window that are kept for each one asked for: those that overlap a better one are left out later."""


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A span of tokens of a passage, both ends included, with its score against no answer."""

    first: int
    last: int
    score: float


def windows_of(tokens: int, room: int, overlap: int) -> list[tuple[int, int]]:
    """Cut a passage into windows that overlap.

    Args:
        tokens: The tokens of the passage.
        room: The most tokens of a window, at least 1.
        overlap: Tokens that two windows share; half a window at most counts. The last window ends where the passage
            does, and may share more.

    Returns:
        The first token of each window and the one after its last.
    """
    if tokens <= room:
        return [(0, tokens)]
    step = room - min(overlap, room // 2)
    starts = [*range(0, tokens - room, step), tokens - room]
    return [(start, start + room) for start in starts]


def best_spans(logits: Floats, null: float, *, longest: int, count: int) -> list[TokenSpan]:
    """Choose the best spans of a window.

    Args:
        logits: Of the tokens of the passage in this window: how likely each is the first one of the answer, and the
            last one; shape (tokens, 2).
        null: The sum of both logits of [CLS].
        longest: The most tokens of a span.
        count: The most spans.

    Returns:
        The spans with the highest scores, best first; of equals the one that begins first, then the shorter one.
    """
    tokens = len(logits)
    if not tokens:
        return []
    starts, ends = logits[:, 0].astype(np.float64), logits[:, 1].astype(np.float64)
    wide = min(longest, tokens)
    padded = np.concatenate([ends, np.full(wide - 1, -np.inf)])
    scores = (starts[:, None] + np.lib.stride_tricks.sliding_window_view(padded, wide) - null).ravel()
    legal = np.flatnonzero(np.isfinite(scores))
    chosen = legal[np.argsort(-scores[legal], kind="stable")[:count]]
    return [
        TokenSpan(first, first + more, float(scores[cell]))
        for cell in chosen.tolist()
        for first, more in [divmod(cell, wide)]
    ]


def tried(spans: int) -> int:
    """The number of spans of a window from which so many that do not overlap are chosen."""
    return spans * _TRIED


def apart(spans: Iterable[TokenSpan], count: int) -> list[TokenSpan]:
    """Choose the best spans that do not overlap.

    Args:
        spans: Spans of one passage, from all of its windows; a span may be in two of them.
        count: The most spans.

    Returns:
        Spans, best first; ties in the order of the passage.
    """
    kept: list[TokenSpan] = []

    def is_apart(span: TokenSpan) -> bool:
        return all(span.last < other.first or other.last < span.first for other in kept)

    for span in sorted(spans, key=lambda span: (-span.score, span.first, span.last)):
        if len(kept) == count:
            break
        if is_apart(span):
            kept.append(span)
    return kept


def characters(text: str, offsets: NDArray[np.int64], span: TokenSpan) -> tuple[int, int] | None:
    """Return the first character of a span and the one after its last, without spaces around; None if nothing is left.

    Args:
        text: The passage.
        offsets: The first character of each token and the one after its last, shape (tokens, 2).
        span: The span.
    """
    inside = offsets[span.first : span.last + 1]
    start, end = int(inside[:, 0].min()), int(inside[:, 1].max())
    part = text[start:end]
    stripped = part.strip()
    if not stripped:
        return None
    start += len(part) - len(part.lstrip())
    return start, start + len(stripped)
