"""Splits long texts into passages at sentence borders. The caller says how tokens are counted."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, groupby

from ..errors import ArgumentError
from .document import Document, Passage

TokenCounter = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, without the special tokens that a model adds."""

# A sentence ends after . ! ? or a CJK full stop (and closing quotes or brackets) before white space, or at a blank line
# or the end of a line that starts a list item or a new paragraph. Wrong borders cost nothing but a less tidy passage.
_BORDER = re.compile(r"""(?<=[.!?])["')\]]*\s+|(?<=[。！？])\s*|\s*\n\s*\n\s*|\n(?=\s*[-*•\d])""")
_WORD = re.compile(r"\S+\s*")

_COUNTED_CHARACTERS = 2**18
"""Counting takes a hundred bytes a character while it lasts: of a long document only parts are counted at once."""


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents become passages.

    A document of at most ``max_tokens`` tokens, its title included, stays one passage. A longer one becomes
    overlapping windows of at most ``max_tokens``.

    Attributes:
        max_tokens: Tokens of a passage with its title; None is the most that the encoder reads.
        overlap: Tokens that each window repeats from the one before, at most.
    """

    max_tokens: int | None = None
    overlap: int = 32

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ArgumentError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if self.overlap < 0:
            raise ArgumentError(f"overlap must not be negative, but is {self.overlap}")


def whole(document: Document) -> Passage:
    """The whole text as one passage."""
    return Passage(document.text, 0, len(document.text))


def split_documents(
    documents: Sequence[Document], *, count_tokens: TokenCounter, max_tokens: int, overlap: int
) -> list[list[Passage]]:
    """Split documents into passages that cover their texts but for white space between sentences.

    Args:
        documents: The documents.
        count_tokens: Counts the tokens of each text, without special tokens.
        max_tokens: Tokens of a title and a passage together. A title that fills more than half of them counts as half;
            the encoder then cuts the end of the passage.
        overlap: Tokens that a passage repeats from the one before, at most.

    Returns:
        The passages of each document, in order.
    """
    count_tokens = partial(_count_in_parts, count_tokens)
    totals = count_tokens([document.passage for document in documents])
    titles = count_tokens([document.title for document in documents])
    passages: list[list[Passage]] = []
    for document, total, title in zip(documents, totals, titles, strict=True):
        if total <= max_tokens:
            passages.append([whole(document)])
            continue
        budget = max(1, max_tokens - min(title, max_tokens // 2))
        pieces = _pieces(document.text, count_tokens, budget)
        windows = _windows(pieces, budget, min(overlap, budget // 2))
        passages.append([Passage(document.text[start:end], start, end) for start, end in windows] or [whole(document)])
    return passages


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of text that is not split further, with its number of tokens."""

    start: int
    end: int
    tokens: int


def _pieces(text: str, count_tokens: TokenCounter, budget: int) -> list[_Piece]:
    """Sentences; one that is longer than the budget is cut between words, and a longer word between characters."""
    pieces: list[_Piece] = []
    for piece in _counted(text, sentence_spans(text), count_tokens):
        if piece.tokens <= budget:
            pieces.append(piece)
            continue
        words = [
            (piece.start + m.start(), piece.start + m.end()) for m in _WORD.finditer(text[piece.start : piece.end])
        ]
        for word in _counted(text, words, count_tokens):
            pieces.extend([word] if word.tokens <= budget else _cut_word(word, budget))
    return pieces


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end, in characters, of each sentence, without the white space around it."""
    spans: list[tuple[int, int]] = []
    start = 0
    for after in [match.end() for match in _BORDER.finditer(text)] + [len(text)]:
        sentence = text[start:after].rstrip()
        stripped = sentence.lstrip()
        if stripped:
            first = start + len(sentence) - len(stripped)
            spans.append((first, first + len(stripped)))
        start = after
    return spans


def _counted(text: str, spans: Sequence[tuple[int, int]], count_tokens: TokenCounter) -> list[_Piece]:
    counts = count_tokens([text[start:end] for start, end in spans])
    return [_Piece(start, end, max(1, tokens)) for (start, end), tokens in zip(spans, counts, strict=True)]


def _count_in_parts(count_tokens: TokenCounter, texts: Sequence[str]) -> list[int]:
    """Count the tokens of each text, few texts at a time; a very long text counts one token for each character."""
    counts = [len(text) for text in texts]
    short = [place for place, text in enumerate(texts) if len(text) <= _COUNTED_CHARACTERS]
    ends = accumulate(len(texts[place]) for place in short)
    for _, part in groupby(zip(short, ends, strict=True), key=lambda placed: placed[1] // _COUNTED_CHARACTERS):
        places = [place for place, _ in part]
        for place, tokens in zip(places, count_tokens([texts[place] for place in places]), strict=True):
            counts[place] = tokens
    return counts


def _cut_word(word: _Piece, budget: int) -> list[_Piece]:
    """Equal parts of a word too long for the budget: a token is at least a character, so ``budget`` characters fit."""
    return [
        _Piece(start, min(start + budget, word.end), min(budget, word.end - start))
        for start in range(word.start, word.end, budget)
    ]


def _windows(pieces: Sequence[_Piece], budget: int, overlap: int) -> list[tuple[int, int]]:
    """Greedy windows of whole pieces; each starts with the last pieces of the one before, up to ``overlap`` tokens."""
    windows: list[tuple[int, int]] = []
    first = 0
    while first < len(pieces):
        tokens, last = 0, first
        while last < len(pieces) and tokens + pieces[last].tokens <= budget:
            tokens += pieces[last].tokens
            last += 1
        windows.append((pieces[first].start, pieces[last - 1].end))
        if last == len(pieces):
            break
        repeated, following = 0, last
        while following - 1 > first and repeated + pieces[following - 1].tokens <= overlap:
            following -= 1
            repeated += pieces[following].tokens
        # The piece that did not fit must fit after the repeated ones, or the window would never move on.
        while following < last and repeated + pieces[last].tokens > budget:
            repeated -= pieces[following].tokens
            following += 1
        first = following
    return windows
