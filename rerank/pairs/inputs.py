"""Pairs of texts as arguments: anything else is refused before a model is opened."""

from collections.abc import Sequence

from ...errors import ArgumentError
from ...errors.arguments import checked_texts
from ...inference import require_texts
from ..reranker import Pair, check_pairs

_SIDES = ("first", "second")


def checked_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs of texts.

    Args:
        pairs: A list of pairs of texts.

    Raises:
        ArgumentError: It is something else, or a text is blank or has a lone surrogate.
    """
    check_pairs(pairs)
    checked = [(first, second) for first, second in pairs]
    for number, pair in enumerate(checked):
        for side, text in zip(_SIDES, pair, strict=True):
            if not text.strip():
                raise ArgumentError(f"pair {number} has an empty {side} text: {pair!r:.120}; leave the pair out")
    require_texts([text for pair in checked for text in pair])
    return checked


def paired(firsts: Sequence[str], seconds: Sequence[str]) -> list[Pair]:
    """Pair the texts of two lists, the first with the first and so on.

    Args:
        firsts: The first text of each pair.
        seconds: The second text of each pair.

    Raises:
        ArgumentError: The lists are not equally long, or hold something else than texts.

    Example:
        >>> paired(["a cat sleeps", "it rains"], ["a cat naps", "the sun shines"])
        [('a cat sleeps', 'a cat naps'), ('it rains', 'the sun shines')]
    """
    left, right = checked_texts(firsts, "firsts"), checked_texts(seconds, "seconds")
    if len(left) != len(right):
        raise ArgumentError(
            f"firsts has {len(left)} texts and seconds {len(right)}: give lists of the same length, whose texts with "
            "the same number are a pair"
        )
    return list(zip(left, right, strict=True))


def ranked_pairs(query: str, documents: Sequence[str]) -> list[Pair]:
    """Pair a query with each of some documents.

    Raises:
        ArgumentError: The query or a document is not text, or blank.
    """
    texts = checked_texts(documents, "documents")
    [question] = checked_texts([query], "query")
    if not question.strip():
        raise ArgumentError(f"query is empty ({question!r}): give a text to compare the documents with")
    for number, text in enumerate(texts):
        if not text.strip():
            raise ArgumentError(f"document {number} is empty ({text!r}): leave it out")
    return [(question, text) for text in texts]
