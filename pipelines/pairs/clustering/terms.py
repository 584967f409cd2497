"""Names clusters by the words that are frequent in them and rare elsewhere."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....retrieval import Analyzer

TERMS = 5
"""Terms of a cluster."""
DOCUMENTS_READ = 100
"""Documents of a cluster whose words are counted: those nearest to its medoid."""
CHARACTERS_READ = 2000
"""Characters of each of them."""


@dataclass(frozen=True, slots=True)
class _TermCounts:
    """In how many of the texts of a cluster each term is, and how many documents the cluster has."""

    terms: NDArray[np.int64]
    counts: NDArray[np.int64]
    shares: NDArray[np.float64]
    size: int


class Labels:
    """Counts the words of clusters, and then finds terms for each.

    The weight of a term is its part of the Kullback-Leibler divergence of a cluster from all of them, as in Carpineto
    et al. 2001, "An information-theoretic approach to automatic query expansion", equation 7, of the share of texts
    that have the term.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        """``analyzer`` says which words are the same term, and which are none."""
        self._vocabulary = _Vocabulary(analyzer)
        self._clusters: list[_TermCounts] = []

    def add(self, texts: Sequence[str], size: int) -> None:
        """Count the words of a cluster.

        Args:
            texts: Some of its texts.
            size: How many documents it has.
        """
        counter: Counter[int] = Counter(term for terms in self._vocabulary.terms_of(texts) for term in terms)
        terms, counts = (np.fromiter(part, np.int64, len(counter)) for part in (counter, counter.values()))
        self._clusters.append(_TermCounts(terms, counts, counts / max(1, len(texts)), size))

    def terms(self) -> list[tuple[str, ...]]:
        """Return the terms of each cluster, the most telling first, in the form in which texts have them most often."""
        shares = np.zeros(self._vocabulary.size())
        for cluster in self._clusters:
            shares[cluster.terms] += cluster.shares * cluster.size
        shares /= max(1, sum(cluster.size for cluster in self._clusters))
        chosen = [self._most_telling(cluster, shares) for cluster in self._clusters]
        forms = self._vocabulary.forms({term for terms in chosen for term in terms})
        return [tuple(forms[term] for term in terms) for terms in chosen]

    def _most_telling(self, cluster: _TermCounts, shares: NDArray[np.float64]) -> list[int]:
        """A word that one text alone has says little about the others, and is taken only where no word is shared."""
        weights = (cluster.shares * np.log(cluster.shares / shares[cluster.terms])).round(9)
        is_shared = cluster.counts > 1
        if is_shared.any():
            weights[~is_shared] = -np.inf
        names = self._vocabulary.names
        terms: list[int] = cluster.terms.tolist()
        weighed = zip(terms, weights.tolist(), cluster.shares.tolist(), strict=True)
        keys = {term: (-weight, -share, -len(names[term]), names[term]) for term, weight, share in weighed}
        chosen = heapq.nsmallest(TERMS, keys, key=keys.__getitem__)
        return [term for term in chosen if keys[term][0] < np.inf]


class _Vocabulary:
    """The words of texts, how many texts have each, and which terms an analyzer makes of it."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.names: list[str] = []
        self._analyzer = analyzer
        self._terms: dict[str, int] = {}
        self._words: dict[str, int] = {}
        self._terms_of_words: list[tuple[int, ...]] = []
        self._counts: list[int] = []

    def size(self) -> int:
        """Return how many terms are known."""
        return len(self.names)

    def terms_of(self, texts: Sequence[str]) -> list[set[int]]:
        """Return the terms of each text, each once."""
        words = [dict.fromkeys(own) for own in self._analyzer.words([text[:CHARACTERS_READ] for text in texts])]
        self._learn([word for word in dict.fromkeys(word for own in words for word in own) if word not in self._words])
        numbers = [[self._words[word] for word in own] for own in words]
        for number in (number for own in numbers for number in own):
            self._counts[number] += 1
        return [{term for number in own for term in self._terms_of_words[number]} for own in numbers]

    def forms(self, chosen: Iterable[int]) -> dict[int, str]:
        """Return the most frequent word of each term; the term itself where it is a part of words."""
        best: dict[int, tuple[int, str]] = {term: (0, self.names[term]) for term in chosen}
        for word, number in self._words.items():
            for term in self._terms_of_words[number]:
                is_whole = len(self._terms_of_words[number]) == 1
                if is_whole and term in best and (-self._counts[number], word) < (-best[term][0], best[term][1]):
                    best[term] = (self._counts[number], word)
        return {term: form for term, (_, form) in best.items()}

    def _learn(self, words: list[str]) -> None:
        for word, terms in zip(words, self._analyzer(words), strict=True):
            named = [term for term in dict.fromkeys(terms) if any(map(str.isalpha, term))]
            for term in named:
                if term not in self._terms:
                    self._terms[term] = len(self.names)
                    self.names.append(term)
            self._words[word] = len(self._counts)
            self._terms_of_words.append(tuple(self._terms[term] for term in named))
            self._counts.append(0)
