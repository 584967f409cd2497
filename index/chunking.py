"""Splits long texts into passages at sentence borders. The caller says how tokens are counted."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, groupby

from ..errors.arguments import checked_callable, checked_count, checked_instance, checked_items
from .document import Document, Passage, passage_text

TokenCounter = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, without the special tokens that a model adds."""

# A sentence ends after . ! ? or a CJK full stop (and closing quotes or brackets) before white space, or at a blank line
# or the end of a line that starts a list item or a new paragraph. Wrong borders cost nothing but a less tidy passage.
# The third alternative takes the whole white space around a line break, and _border_ends decides what it is: each
# character is looked at a few times, however long a run of blanks or line breaks is.
_BORDER = re.compile(
    r"""(?<=[.!?])["')\]]*+\s++ | (?<=[。！？])\s*+ | (?<!\s)[^\S\n]*+\n(?P<below>\s*+)(?=(?P<item>[-*•\d])?)""",
    re.VERBOSE,
)
_WORD = re.compile(r"\S+\s{0,64}")
"""A word with the white space after it, up to a limit; the rest of a longer run belongs to no word."""

_COUNTED_CHARACTERS = 2**18
"""Counting needs about a hundred bytes for each character, so a long document is counted in parts."""


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
        if self.max_tokens is not None:
            checked_count(self.max_tokens, "max_tokens")
        checked_count(self.overlap, "overlap", least=0)


def whole(document: Document) -> Passage:
    """The whole text as one passage."""
    checked_instance(document, Document, "document")
    return Passage(document.text, 0, len(document.text))


def split_documents(
    documents: Sequence[Document], *, count_tokens: TokenCounter, max_tokens: int, overlap: int
) -> list[list[Passage]]:
    """Split documents into passages that cover their texts but for white space between sentences and words.

    A passage with its title has at most ``max_tokens``, whatever the tokenizer: the tokens of each passage are counted,
    and one that has more than its parts had is split again.

    Args:
        documents: The documents.
        count_tokens: Counts the tokens of each text, without special tokens.
        max_tokens: Tokens of a title and a passage together. A title that fills more than seven eighths of them counts
            as half; the encoder then cuts the end of the passage.
        overlap: Tokens that a passage repeats from the one before, at most.

    Returns:
        The passages of each document, in order.
    """
    checked_count(max_tokens, "max_tokens")
    checked_count(overlap, "overlap", least=0)
    checked_callable(count_tokens, "count_tokens")
    documents = [checked_instance(item, Document, "a document") for item in checked_items(documents, "documents")]
    count_tokens = partial(_count_in_parts, count_tokens)
    totals = count_tokens([document.passage for document in documents])
    titles = count_tokens([document.title for document in documents])
    passages: list[list[Passage]] = []
    for document, total, title in zip(documents, totals, titles, strict=True):
        if total <= max_tokens:
            passages.append([whole(document)])
            continue
        too_long = title > max_tokens - max(1, max_tokens // 8)
        budget = max(1, max_tokens - (min(title, max_tokens // 2) if too_long else title))
        pieces = _pieces(document.text, count_tokens, budget)
        windows = _windows(pieces, budget, min(overlap, budget // 2))
        limit = _Limit("" if too_long else document.title, budget if too_long else max_tokens, count_tokens)
        fitting = _within(limit, document.text, windows, [piece.start for piece in pieces])
        passages.append([Passage(document.text[start:end], start, end) for start, end in fitting] or [whole(document)])
    return passages


@dataclass(frozen=True, slots=True)
class _Limit:
    """What a passage may have: with ``title``, at most ``max_tokens``."""

    title: str
    max_tokens: int
    count_tokens: TokenCounter


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
        words = [(match.start(), match.end()) for match in _WORD.finditer(text, piece.start, piece.end)]
        for word in _counted(text, words, count_tokens):
            pieces.extend([word] if word.tokens <= budget else _cut_word(text, word, count_tokens, budget))
    return pieces


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end, in characters, of each sentence, without the white space around it."""
    checked_instance(text, str, "text")
    spans: list[tuple[int, int]] = []
    start = 0
    for after in [*_border_ends(text), len(text)]:
        sentence = text[start:after].rstrip()
        stripped = sentence.lstrip()
        if stripped:
            first = start + len(sentence) - len(stripped)
            spans.append((first, first + len(stripped)))
        start = after
    return spans


def _border_ends(text: str) -> Iterator[int]:
    for match in _BORDER.finditer(text):
        if match["below"] is None or "\n" in match["below"]:
            yield match.end()
        elif match["item"] is not None:
            yield match.start("below")


def _counted(text: str, spans: Sequence[tuple[int, int]], count_tokens: TokenCounter) -> list[_Piece]:
    counts = count_tokens([text[start:end] for start, end in spans])
    return [_Piece(start, end, max(1, tokens)) for (start, end), tokens in zip(spans, counts, strict=True)]


def _count_in_parts(count_tokens: TokenCounter, texts: Sequence[str]) -> list[int]:
    """Count the tokens of each text, few texts at a time; a very long text counts one token for each character."""
    counts = [len(text) for text in texts]
    short = [number for number, text in enumerate(texts) if len(text) <= _COUNTED_CHARACTERS]
    ends = accumulate(len(texts[number]) for number in short)
    for _, part in groupby(zip(short, ends, strict=True), key=lambda placed: placed[1] // _COUNTED_CHARACTERS):
        numbers = [number for number, _ in part]
        for number, tokens in zip(numbers, count_tokens([texts[number] for number in numbers]), strict=True):
            counts[number] = tokens
    return counts


def _cut_word(text: str, word: _Piece, count_tokens: TokenCounter, budget: int) -> list[_Piece]:
    """Equal parts of a word too long for the budget, of at most ``budget`` characters and tokens each.

    Byte-level tokenizers make several tokens of a character: parts are halved until they fit.
    """
    spans = [(start, min(start + budget, word.end)) for start in range(word.start, word.end, budget)]
    while True:
        parts = _counted(text, [span for span in spans if text[slice(*span)].strip()], count_tokens)
        if all(part.tokens <= budget or part.end - part.start == 1 for part in parts):
            return [
                _Piece(part.start, part.end, min(budget, max(part.tokens, part.end - part.start))) for part in parts
            ]
        spans: list[tuple[int, int]] = []
        for part in parts:
            middle = (part.start + part.end) // 2
            fits = part.tokens <= budget or part.end - part.start == 1
            spans += [(part.start, part.end)] if fits else [(part.start, middle), (middle, part.end)]


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


def _within(
    limit: _Limit, text: str, windows: Sequence[tuple[int, int]], borders: Sequence[int]
) -> list[tuple[int, int]]:
    """Halve the windows that have more tokens than all their pieces together, at the border nearest to their middle.

    Some tokenizers make tokens of the white space between the pieces, or other tokens where two pieces meet.
    """
    while True:
        counts = limit.count_tokens([passage_text(limit.title, text[start:end]) for start, end in windows])
        long = [
            tokens > limit.max_tokens and end - start > 1 for tokens, (start, end) in zip(counts, windows, strict=True)
        ]
        if not any(long):
            return _without_contained(windows)
        halves: list[tuple[int, int]] = []
        for window, is_long in zip(windows, long, strict=True):
            halves += _halves(text, window, borders) if is_long else [window]
        windows = halves


def _without_contained(windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Windows in order, without those that lie within another: half of a window can be what the next one repeats."""
    outermost: list[tuple[int, int]] = []
    for start, end in sorted(windows, key=lambda window: (window[0], -window[1])):
        if not outermost or end > outermost[-1][1]:
            outermost.append((start, end))
    return outermost


def _halves(text: str, window: tuple[int, int], borders: Sequence[int]) -> list[tuple[int, int]]:
    """The two halves of a window, without white space around them; a blank half is left out."""
    start, end = window
    middle = (start + end) // 2
    near = bisect_left(borders, middle)
    inside = [border for border in borders[max(0, near - 1) : near + 1] if start < border < end]
    cut = min(inside, key=lambda border: abs(border - middle), default=middle)
    halves: list[tuple[int, int]] = []
    for first, last in ((start, cut), (cut, end)):
        half = text[first:last].rstrip()
        if stripped := half.lstrip():
            halves.append((first + len(half) - len(stripped), first + len(half)))
    return halves
