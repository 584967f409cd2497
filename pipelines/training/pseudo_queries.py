"""Makes pseudo-queries from titles, headings and sentences, for collections without queries.

The inverse cloze task is that of Lee et al. 2019 (arXiv 1906.00300): a sentence stands for a question, and what it was
taken out of for the answer. A tenth of the sentences stay where they are, so that the same words count for something.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal, get_args

from ...errors import ArgumentError, SourceError
from ...index import Document, passage_text, sentence_spans, split_documents

PseudoQueryKind = Literal["title", "heading", "sentence"]
PSEUDO_QUERY_KINDS: tuple[PseudoQueryKind, ...] = get_args(PseudoQueryKind)

MAX_WORDS = 150
"""Words of a passage: what encoders and rerankers read of one for the most part."""
MIN_PASSAGE_WORDS = 8
MIN_SENTENCE_WORDS, MAX_SENTENCE_WORDS = 4, 64
KEPT_SHARE = 0.1
"""Of the sentences that stay in their passage."""

_ORNAMENT = "#=-~*.: \t\r\n"
"""What stands around a title: the marks of Markdown and reStructuredText, and ends of sentences."""
_ATX = re.compile(r" {0,3}#{1,6}[ \t]+(?P<heading>.*?)[ \t]*#*[ \t]*")
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}")


@dataclass(frozen=True, slots=True)
class PseudoQueryPair:
    """A pseudo-query, and the passage that answers it; both are from the document with that id."""

    query: str
    passage: str
    document_id: str
    kind: PseudoQueryKind


PairMaker = Callable[[Document], Iterator[PseudoQueryPair]]


def pair_makers(max_words: int, seed: int) -> dict[PseudoQueryKind, PairMaker]:
    """What makes the pairs of each kind of a document: passages of at most ``max_words``, sentences by ``seed``."""
    if max_words < 2 * MIN_PASSAGE_WORDS:
        raise ArgumentError(f"max_words must be at least {2 * MIN_PASSAGE_WORDS}, not {max_words}")
    return {
        "title": partial(title_pairs, max_words=max_words),
        "heading": partial(heading_pairs, max_words=max_words),
        "sentence": partial(sentence_pairs, max_words=max_words, seed=seed),
    }


def pseudo_query_pairs(
    documents: Iterable[Document],
    *,
    kinds: Collection[PseudoQueryKind] = PSEUDO_QUERY_KINDS,
    max_words: int = MAX_WORDS,
    seed: int = 0,
) -> list[PseudoQueryPair]:
    """All pairs of these kinds, in the order of the documents.

    A query that comes with more than one passage is left out: it names none of them, as a heading "Parameters" does.
    Which sentences are taken of a document depends on ``seed`` and that document alone. Raises ``ArgumentError`` for an
    unknown kind, and ``SourceError`` where the documents give no pair.
    """
    makers = pair_makers(max_words, seed)
    if not kinds or set(kinds) - set(makers):
        raise ArgumentError(f"the kinds of pseudo-queries are {', '.join(PSEUDO_QUERY_KINDS)}, not {sorted(kinds)}")
    chosen = [makers[kind] for kind in PSEUDO_QUERY_KINDS if kind in kinds]
    pairs = [pair for document in documents for maker in chosen for pair in maker(document)]
    passages = Counter(query for query, _ in {(_plain(pair.query), pair.passage) for pair in pairs})
    kept = [pair for pair in pairs if passages[_plain(pair.query)] == 1]
    if not kept:
        raise SourceError(
            f"the collection has no text to make pseudo-queries of ({', '.join(sorted(kinds))}): it takes "
            f"titles that differ, headings, or passages of several sentences and {MIN_PASSAGE_WORDS} words or more"
        )
    return kept


def title_pairs(document: Document, *, max_words: int = MAX_WORDS) -> Iterator[PseudoQueryPair]:
    """The title, and the beginning of the text without it."""
    passages = _passages(_body(document), max_words)
    if document.title.strip() and passages and _long_enough(passages[0]):
        yield PseudoQueryPair(_joined(document.title), passages[0], document.id, "title")


def heading_pairs(document: Document, *, max_words: int = MAX_WORDS) -> Iterator[PseudoQueryPair]:
    """Each heading of a Markdown or reStructuredText document, but the title, and the beginning of what is below."""
    lines = document.text.splitlines()
    places = [*_headings(lines), (len(lines), len(lines), "")]
    for (_, first, heading), (end, _, _) in pairwise(places):
        if _plain(heading) == _plain(document.title):
            continue
        below = [line for line in lines[first:end] if not _UNDERLINE.fullmatch(line.strip())]  # the next one's overline
        passages = _passages("\n".join(below), max_words)
        if passages and _long_enough(passages[0]):
            yield PseudoQueryPair(heading, passages[0], document.id, "heading")


def sentence_pairs(document: Document, *, max_words: int = MAX_WORDS, seed: int = 0) -> Iterator[PseudoQueryPair]:
    """A sentence of each passage, and the rest of the passage under the document's title, as models read it.

    A sentence that comes twice in its passage, or in the title, is not taken. In a tenth of the pairs the passage keeps
    the sentence.
    """
    chance = random.Random(f"{seed} {document.id}")  # not hash(), which differs between processes
    for passage in _passages(_body(document), max_words):
        choices = [(rest, sentence) for rest, sentence in _cut_out(passage) if _hidden(sentence, rest, document.title)]
        if choices:
            rest, sentence = chance.choice(choices)
            kept = chance.random() < KEPT_SHARE
            text = passage_text(document.title, passage if kept else rest)
            yield PseudoQueryPair(_joined(sentence), text, document.id, "sentence")


def _body(document: Document) -> str:
    """The text without a title that it begins with: an abstract or a Markdown file often repeats it."""
    title, text = document.title.strip(), document.text.lstrip(_ORNAMENT)
    if title and text[: len(title)].lower() == title.lower():
        return text[len(title) :].lstrip(_ORNAMENT)
    return document.text


def _passages(text: str, max_words: int) -> list[str]:
    """Windows of whole sentences."""
    if not text.strip():
        return []
    document = Document("passages", text)
    (passages,) = split_documents([document], count_tokens=_count_words, max_tokens=max_words, overlap=0)
    return [passage.text.strip() for passage in passages]


def _count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _headings(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """The line of each heading, the first line below it, and its text. What is in a block of code is none."""
    fenced = False
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced:
            continue
        elif match := _ATX.fullmatch(line):
            if match["heading"]:
                yield number, number + 1, match["heading"]
        elif number + 1 < len(lines) and re.match(r"\w", line):
            below = lines[number + 1].rstrip()
            if _UNDERLINE.fullmatch(below) and len(below) >= len(line.rstrip()):
                yield number, number + 2, line.strip()


def _cut_out(passage: str) -> Iterator[tuple[str, str]]:
    """The passage without a sentence, and that sentence, for each sentence of a fitting length."""
    for start, end in sentence_spans(passage):
        rest = f"{passage[:start].rstrip()} {passage[end:].lstrip()}".strip()
        if MIN_SENTENCE_WORDS <= len(passage[start:end].split()) <= MAX_SENTENCE_WORDS and _long_enough(rest):
            yield rest, passage[start:end]


def _hidden(sentence: str, rest: str, title: str) -> bool:
    return _joined(sentence) not in _joined(passage_text(title, rest))


def _long_enough(passage: str) -> bool:
    return len(passage.split()) >= MIN_PASSAGE_WORDS


def _joined(text: str) -> str:
    """On one line."""
    return " ".join(text.split())


def _plain(text: str) -> str:
    """What two texts share that differ in nothing but case, white space and the marks around them."""
    return _joined(text).strip(_ORNAMENT).casefold()
