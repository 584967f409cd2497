"""Makes pseudo-queries from titles, headings and sentences, for collections without queries.

The inverse cloze task (Lee et al. 2019, arXiv 1906.00300) takes a sentence as the query, and the passage without it as
the relevant passage. A tenth of the sentences stay in their passage, so that exact matches still count.
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
from ...errors.arguments import checked_count, checked_texts
from ...index import Document, given_documents, passage_text, sentence_spans, split_documents

PseudoQueryKind = Literal["title", "heading", "sentence"]
PSEUDO_QUERY_KINDS: tuple[PseudoQueryKind, ...] = get_args(PseudoQueryKind)

MAX_WORDS = 150
"""Maximum words of a passage, about what encoders and rerankers take."""
MIN_PASSAGE_WORDS = 8
MIN_SENTENCE_WORDS, MAX_SENTENCE_WORDS = 4, 64
KEPT_SHARE = 0.1
"""The share of the sentences that stay in their passage."""

_ORNAMENT = "#=-~*.: \t\r\n"
"""Characters around a title: markup of Markdown and reStructuredText, and punctuation."""
_ATX = re.compile(r" {0,3}#{1,6}[ \t]+")
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
    """Return the functions that make the pairs of a document, by kind; passages have at most ``max_words`` words."""
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
    """Make pseudo-queries and their passages from documents, in the order of the documents.

    A query with more than one passage is left out, because it identifies none of them: a heading "Parameters", say.

    Args:
        documents: The documents of a collection.
        kinds: "title", "heading" and "sentence" (the inverse cloze task).
        max_words: Maximum words of a passage.
        seed: Random seed of the sentences; those of a document depend on nothing else.

    Raises:
        ArgumentError: A kind is unknown, or there is none.
        SourceError: The documents give no pair.

    Example:
        >>> pairs = pseudo_query_pairs(read_documents("docs.jsonl"), kinds=["title"])
    """
    makers = pair_makers(checked_count(max_words, "max_words"), checked_count(seed, "seed", least=0))
    names = checked_texts(kinds, "kinds")
    documents = given_documents(documents)
    if not names or set(names) - set(makers):
        raise ArgumentError(f"the kinds of pseudo-queries are {', '.join(PSEUDO_QUERY_KINDS)}, not {sorted(names)}")
    chosen = [makers[kind] for kind in PSEUDO_QUERY_KINDS if kind in names]
    pairs = [pair for document in documents for maker in chosen for pair in maker(document)]
    passages = Counter(query for query, _ in {(_plain(pair.query), pair.passage) for pair in pairs})
    distinct = [pair for pair in pairs if passages[_plain(pair.query)] == 1]
    if not distinct:
        raise SourceError(
            f"the collection has no text to make pseudo-queries of ({', '.join(sorted(names))}): it takes "
            f"titles that differ, headings, or passages of several sentences and {MIN_PASSAGE_WORDS} words or more"
        )
    return distinct


def title_pairs(document: Document, *, max_words: int = MAX_WORDS) -> Iterator[PseudoQueryPair]:
    """Yield the title as the query, and the first passage of the text without it."""
    passages = _passages(_body(document), max_words)
    if document.title.strip() and passages and _long_enough(passages[0]):
        yield PseudoQueryPair(_joined(document.title), passages[0], document.id, "title")


def heading_pairs(document: Document, *, max_words: int = MAX_WORDS) -> Iterator[PseudoQueryPair]:
    """Yield each Markdown or reStructuredText heading, except the title, with the first passage below it."""
    lines = document.text.splitlines()
    headings = [*_headings(lines), (len(lines), len(lines), "")]
    for (_, first, heading), (end, _, _) in pairwise(headings):
        if _plain(heading) == _plain(document.title):
            continue
        below = [line for line in lines[first:end] if not _UNDERLINE.fullmatch(line.strip())]  # the next one's overline
        passages = _passages("\n".join(below), max_words)
        if passages and _long_enough(passages[0]):
            yield PseudoQueryPair(heading, passages[0], document.id, "heading")


def sentence_pairs(document: Document, *, max_words: int = MAX_WORDS, seed: int = 0) -> Iterator[PseudoQueryPair]:
    """Yield a random sentence of each passage as the query, with the title and the rest of the passage.

    Sentences that also occur in the rest or in the title are not used. In a tenth of the pairs the passage keeps the
    sentence, so that exact matches still count.
    """
    generator = random.Random(f"{seed} {document.id}")  # not hash(), which differs between processes
    for passage in _passages(_body(document), max_words):
        choices = [
            (context, sentence) for context, sentence in _cut_out(passage) if _hidden(sentence, context, document.title)
        ]
        if choices:
            context, sentence = generator.choice(choices)
            is_kept = generator.random() < KEPT_SHARE
            text = passage_text(document.title, passage if is_kept else context)
            yield PseudoQueryPair(_joined(sentence), text, document.id, "sentence")


def _body(document: Document) -> str:
    """The text without the title at its beginning, which abstracts and Markdown files often repeat."""
    title, text = document.title.strip(), document.text.lstrip(_ORNAMENT)
    if title and text[: len(title)].lower() == title.lower():
        return text[len(title) :].lstrip(_ORNAMENT)
    return document.text


def _passages(text: str, max_words: int) -> list[str]:
    """Split a text into passages of whole sentences."""
    if not text.strip():
        return []
    document = Document("passages", text)
    (passages,) = split_documents([document], count_tokens=_count_words, max_tokens=max_words, overlap=0)
    return [passage.text.strip() for passage in passages]


def _count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _headings(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """The line of each heading, the first line below it, and its text; code blocks have no headings."""
    fenced = False
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced:
            continue
        elif match := _ATX.match(line):
            heading = line[match.end() :].rstrip(" \t").rstrip("#").rstrip(" \t")
            if heading:
                yield number, number + 1, heading
        elif number + 1 < len(lines) and re.match(r"\w", line):
            below = lines[number + 1].rstrip()
            if _UNDERLINE.fullmatch(below) and len(below) >= len(line.rstrip()):
                yield number, number + 2, line.strip()


def _cut_out(passage: str) -> Iterator[tuple[str, str]]:
    """The rest of the passage and the sentence, for each sentence of a suitable length."""
    for start, end in sentence_spans(passage):
        if MIN_SENTENCE_WORDS <= len(passage[start:end].split()) <= MAX_SENTENCE_WORDS:
            context = f"{passage[:start].rstrip()} {passage[end:].lstrip()}".strip()
            if _long_enough(context):
                yield context, passage[start:end]


def _hidden(sentence: str, context: str, title: str) -> bool:
    return _joined(sentence) not in _joined(passage_text(title, context))


def _long_enough(passage: str) -> bool:
    return len(passage.split()) >= MIN_PASSAGE_WORDS


def _joined(text: str) -> str:
    """Normalise white space to single spaces."""
    return " ".join(text.split())


def _plain(text: str) -> str:
    """A text without case, markup and extra white space, to compare titles and queries."""
    return _joined(text).strip(_ORNAMENT).casefold()
