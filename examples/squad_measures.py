"""Exact match and F1 as SQuAD has them (Rajpurkar et al. 2016, "SQuAD", arXiv 1606.05250, section 6.1)."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)


def words_of(answer: str) -> list[str]:
    """Return the words of an answer in lower case, without punctuation and articles."""
    return _ARTICLES.sub(" ", answer.lower().translate(_MARKS)).split()


def exact_match(answer: str, right: Sequence[str]) -> float:
    """Return 1.0 if an answer has the words of one of the right ones, else 0.0."""
    return float(any(words_of(answer) == words_of(text) for text in right))


def f1(answer: str, right: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of an answer's words, against the best of the right answers."""
    return max(_f1(words_of(answer), words_of(text)) for text in right)


def _f1(words: list[str], right: list[str]) -> float:
    if not words or not right:
        return float(words == right)
    common = (Counter(words) & Counter(right)).total()
    return 2 * common / (len(words) + len(right))
