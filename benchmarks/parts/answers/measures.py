"""Exact match and F1 as SQuAD has them (Rajpurkar et al. 2016, "SQuAD", arXiv 1606.05250, section 6.1), and AUROC."""

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)


def exact_match(answer: str, right: Sequence[str]) -> float:
    """Return 1.0 if an answer has the words of one of the right ones, else 0.0."""
    return float(any(_words(answer) == _words(text) for text in right))


def f1(answer: str, right: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of an answer's words, against the best of the right answers."""
    return max(_f1(_words(answer), _words(text)) for text in right)


def _words(answer: str) -> list[str]:
    """The words in lower case, without punctuation and English articles."""
    return _ARTICLES.sub(" ", answer.lower().translate(_MARKS)).split()


def _f1(words: list[str], right: list[str]) -> float:
    if not words or not right:
        return float(words == right)
    common = (Counter(words) & Counter(right)).total()
    return 2 * common / (len(words) + len(right))


def auroc(right: NDArray[np.float64], wrong: NDArray[np.float64]) -> float:
    """Return how often one of the right has a higher value than one of the wrong; equal values count half."""
    below = np.searchsorted(np.sort(wrong), right, "left")
    not_above = np.searchsorted(np.sort(wrong), right, "right")
    return float((below + not_above).mean() / 2 / len(wrong))
