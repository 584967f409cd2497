"""Spans of documents that a context consists of: merged where they touch, without copies, and within a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...index import Document, sentence_spans
from ..search import SearchResult

SpanOrder = Literal["edges", "relevance", "document"]
"""Where the best spans stand: at both ends, first, or each document's together and in its own order."""
ORDERS: tuple[SpanOrder, ...] = get_args(SpanOrder)
Oversized = Literal["error", "cut"]
"""What becomes of the best passage where it alone is over the budget."""
_ROUNDING = 1e-6
"""By so much the inner product of two equal unit vectors may be less than 1."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a document's text.

    Attributes:
        document: The document.
        start: Where the part begins in ``document.text``, in characters.
        end: Where it ends, exclusive.
        rank: The rank of its best passage among the passages that were found, from 1.
        relevance: The relevance of that passage, from 0 to 1.
        passages: How many passages were merged into it.
        cut: Whether it lost its end, because the passage is over the budget.
    """

    document: Document
    start: int
    end: int
    rank: int
    relevance: float
    passages: int = 1
    cut: bool = False

    @property
    def text(self) -> str:
        """The text: ``document.text[start:end]``."""
        return self.document.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a context may have.

    Attributes:
        size: Returns what spans take of the budget, rendered in the order in which they are shown.
        budget: The most that they may take; None is without an end.
        top_k: The most passages; None is all that fit.
        near_duplicates: The cosine from which a passage is a copy of a better one; None compares texts alone.
        oversized: What becomes of the best passage where it is over the budget.
        unit: What the budget counts, for messages.
    """

    size: Callable[[Sequence[Span]], int]
    budget: int | None
    top_k: int | None
    near_duplicates: float | None
    oversized: Oversized
    unit: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The spans of a context, and what was left out.

    Attributes:
        spans: The spans by rank.
        near_duplicates: Passages that were left out as copies of better ones.
        over_budget: Passages that were left out because there was no room for them.
    """

    spans: tuple[Span, ...]
    near_duplicates: int
    over_budget: int


def select(results: Sequence[SearchResult], vectors: NDArray[np.float32] | None, limits: Limits) -> Selection:
    """Take passages, best first, as long as they fit. One that does not fit is left out, and the next is tried.

    Args:
        results: Passages, best first.
        vectors: Their unit vectors, shape (len(results), dimension); None compares texts alone.
        limits: What the context may have.

    Raises:
        ArgumentError: The best passage is over the budget, and ``oversized`` is "error"; or so is its first sentence.
    """
    spans: list[Span] = []
    taken: list[int] = []
    copies = over = 0
    for row, result in enumerate(results):
        if limits.top_k is not None and len(taken) == limits.top_k:
            break
        span = _span(result)
        if any(_holds(other, span) for other in spans):
            continue
        if _is_copy(row, taken, results, vectors, limits.near_duplicates):
            copies += 1
            continue
        merged = with_span(spans, span)
        if _fits(merged, limits):
            spans = merged
            taken.append(row)
        elif spans:
            over += 1
        else:
            spans = [_cut(span, limits)]
            return Selection(tuple(spans), copies, len(results) - row - 1)
    return Selection(tuple(spans), copies, over)


def with_span(spans: Sequence[Span], span: Span) -> list[Span]:
    """Add a span to others, by rank: those of its document that overlap it, or have but white space between, merge.

    Args:
        spans: Spans of which no two touch.
        span: One that none of them holds.
    """
    apart: list[Span] = []
    for other in sorted(spans, key=lambda member: abs(member.start - span.start)):
        if other.document.id == span.document.id and _touch(other, span):
            first = min(other, span, key=lambda member: member.rank)
            start, end = min(other.start, span.start), max(other.end, span.end)
            span = replace(first, start=start, end=end, passages=other.passages + span.passages)
        else:
            apart.append(other)
    return sorted([*apart, span], key=lambda member: member.rank)


def arranged(spans: Sequence[Span], order: SpanOrder) -> list[Span]:
    """Put spans, which come by rank, into the order in which a reader gets them.

    Args:
        spans: The spans by rank.
        order: "relevance" is by rank. "edges" puts the best first, the second last, the third after the first, and so
            on, the least relevant into the middle. "document" keeps those of a document together, in the order of its
            text, the document with the best span first.
    """
    if order == "edges":
        return [*spans[::2], *spans[1::2][::-1]]
    if order == "relevance":
        return list(spans)
    best: dict[str, int] = {}
    for span in spans:
        best.setdefault(span.document.id, span.rank)
    return sorted(spans, key=lambda span: (best[span.document.id], span.start))


def _span(result: SearchResult) -> Span:
    return Span(result.document, result.passage.start, result.passage.end, result.rank, result.relevance)


def _holds(span: Span, other: Span) -> bool:
    return span.document.id == other.document.id and span.start <= other.start and other.end <= span.end


def _touch(span: Span, other: Span) -> bool:
    """Tell whether two spans of one document overlap, or have nothing but white space between them."""
    between = span.document.text[min(span.end, other.end) : max(span.start, other.start)]
    return not between.strip()


def _is_copy(
    row: int,
    taken: Sequence[int],
    results: Sequence[SearchResult],
    vectors: NDArray[np.float32] | None,
    threshold: float | None,
) -> bool:
    """Tell whether a passage has the text or nearly the vector of one that was taken."""
    document, text = results[row].document, results[row].passage.text
    for other in taken:
        title = results[other].document.title
        if results[other].passage.text == text and (text.strip() or title == document.title):
            return True
    if vectors is None or threshold is None or not taken:
        return False
    return bool((vectors[list(taken)] @ vectors[row]).max() >= threshold - _ROUNDING)


def _fits(spans: Sequence[Span], limits: Limits) -> bool:
    return limits.budget is None or limits.size(spans) <= limits.budget


def _cut(span: Span, limits: Limits) -> Span:
    """Return the first sentences of a span, as many as fit the budget."""
    if limits.oversized == "error":
        raise ArgumentError(
            f"a budget of {limits.budget} {limits.unit} is smaller than the best passage, of document "
            f"{span.document.id!r}, which takes {limits.size([span])} with its citation: give a larger budget, or set "
            "oversized='cut'"
        )
    shorter = [replace(span, end=span.start + end, cut=True) for _, end in sentence_spans(span.text)]
    shorter = [member for member in shorter if member.end < span.end]
    fitting, longest = 0, len(shorter)
    while fitting < longest:
        middle = (fitting + longest + 1) // 2
        if _fits([shorter[middle - 1]], limits):
            fitting = middle
        else:
            longest = middle - 1
    if fitting:
        return shorter[fitting - 1]
    raise ArgumentError(
        f"a budget of {limits.budget} {limits.unit} is smaller than the first sentence of the best passage, of "
        f"document {span.document.id!r}, which takes {limits.size(shorter[:1] or [span])} with its citation: give a "
        "larger budget"
    )
