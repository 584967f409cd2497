"""What the columns of a file of pairs or triples are, by their names."""

import re
from collections.abc import Collection
from dataclasses import dataclass

_QUERY = ("query", "anchor")
_PASSAGE = ("passage",)
_POSITIVE = ("positive", "pos")
_NEGATIVE = re.compile(r"neg|negative(_?[0-9]+)?")
_LABEL = ("label",)
_SCORES = ("pos_scores", "neg_scores")
_OF_HEADERS = frozenset(
    {
        "query",
        "anchor",
        "question",
        "passage",
        "document",
        "doc",
        "text",
        "content",
        "positive",
        "pos",
        "negative",
        "neg",
    }
    | {"label", "score", "relevance", "grade", "answer", "title", "sentence", "sentence1", "sentence2", "sentence_1"}
    | {"sentence_2", "qid", "pid", "did", "query_id", "passage_id", "doc_id"}
)
NAMES = "query and passage, with a label or none, or query, positive and negative"


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column is what; the names are as they are written.

    Attributes:
        query: That of the query.
        passage: That of a passage, whose ``label`` tells what it is.
        positives: Those of relevant passages.
        negatives: Those of irrelevant passages.
        label: That of the grade of ``passage``; "" for none.
        others: Columns that are not read.
    """

    query: str
    passage: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    label: str
    others: tuple[str, ...]


def roles_of(names: Collection[str]) -> Roles:
    """Tell what columns are.

    Raises:
        ValueError: That cannot be told; the message says why, without the place.
    """
    plain = {name: plain_name(name) for name in names}
    query = _only(_QUERY, plain)
    passage = _only(_PASSAGE, plain)
    positive = _only(_POSITIVE, plain)
    label = _only(_LABEL, plain)
    negatives = tuple(name for name, of in plain.items() if _NEGATIVE.fullmatch(of))
    if passage and (positive or negatives):
        other = positive or negatives[0]
        raise ValueError(
            f"has both {passage} and {other}, and can be read as a pair of {query or 'query'} and {passage} or by its"
            f" {other}: leave one of them out"
        )
    if positive and label:
        raise ValueError(
            f"has both {positive} and {label}: {positive} says that it is relevant, whatever {label} is; leave"
            f" {label} out, or call {positive} passage"
        )
    if not query or not (passage or positive):
        missing = "query" if not query and (passage or positive) else ""
        raise ValueError(f"the {missing} is missing" if missing else f"has {', '.join(names)} in place of {NAMES}")
    read = {query, passage, positive, label, *negatives}
    others = tuple(name for name, of in plain.items() if name not in read and of not in _SCORES)
    return Roles(query, passage, (positive,) if positive else (), negatives, label, others)


def looks_like_names(fields: Collection[str]) -> bool:
    """Whether a line holds single words, of which the first is what people call a column."""
    plain = list(map(plain_name, fields))
    return len(plain) > 1 and plain[0] in _OF_HEADERS and all(re.fullmatch(r"[\w-]+", name) for name in plain)


def plain_name(name: str) -> str:
    """Return a name of a column in the spelling by which it is known."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _only(spellings: tuple[str, ...], plain: dict[str, str]) -> str:
    present = [name for name, of in plain.items() if of in spellings]
    if len(present) > 1:
        raise ValueError(f"has both {present[0]} and {present[1]}, which mean the same: leave one of them out")
    return present[0] if present else ""
