"""Exact match as SQuAD has it (Rajpurkar et al. 2016, "SQuAD", arXiv 1606.05250, section 6.1)."""

import re
import string
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)


def words_of(answer: str) -> list[str]:
    """Return the words of an answer in lower case, without punctuation and articles."""
    return _ARTICLES.sub(" ", answer.lower().translate(_MARKS)).split()


def exact_match(answer: str, right: Sequence[str]) -> float:
    """Return 1.0 if an answer has the words of one of the right ones, else 0.0."""
    return float(any(words_of(answer) == words_of(text) for text in right))
