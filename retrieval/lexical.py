"""Splits texts into terms, and retrieves the documents that share terms with a query (BM25).

The analyzer is bm25s' tokenizer: lower case, words of two characters and more without English stop words, stemmed. An
index stores its postings under the name ``ANALYZER``. The name has to change whenever the terms of any text change.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Self, cast

from ..errors import IndexModelMismatch
from ..index import BM25, Hit, Index, Predicate
from .retriever import moved

ANALYZER = "bm25s-english-1"


def analyse(texts: Sequence[str]) -> list[list[str]]:
    """Return the terms of each text, in order and with repetitions."""
    tokenization: Any = import_module("bm25s.tokenization")  # imports scipy, which dense searches do not need
    stemmers: Any = import_module("Stemmer")
    stemmer = stemmers.Stemmer("english")  # threads must not share a stemmer
    return cast(
        "list[list[str]]",
        tokenization.tokenize(list(texts), stopwords="english", stemmer=stemmer, return_ids=False, show_progress=False),
    )


def require_analyzer(index: Index) -> None:
    """Check that ``analyse`` made the terms of an index.

    Raises:
        IndexModelMismatch: Another analyzer made them.
    """
    if index.analyzer not in ("", ANALYZER):
        raise IndexModelMismatch(
            f"{index.path} keeps terms of the analyzer {index.analyzer!r}, and this bicross has {ANALYZER!r}: "
            f"make them anew with `bicross index-terms {index.path}`, or use the bicross that made them"
        )


class LexicalRetriever:
    """Retrieves by BM25; it finds only documents that have a term of the query.

    Args:
        index: The index to search, which has postings.
        weights: Parameters of BM25; None takes the defaults.
    """

    def __init__(self, index: Index, *, weights: BM25 | None = None) -> None:
        self.index = index
        self.weights = weights or BM25()

    def over(self, index: Index) -> Self:
        """Return the same retriever over another generation of the index."""
        return moved(self, index)

    def pinned(self) -> Self:
        """Return the same retriever over the generation of this moment, which it never leaves."""
        return moved(self, self.index.pinned())

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the token ids in the index; empty where it holds none."""
        return self.index.tokenizer_fingerprint

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return at most ``k`` documents for each query, best first; equal scores are ordered by id.

        Args:
            queries: Texts.
            k: The most documents for each query.
            where: A restriction by metadata, as for ``Index.search``.

        Raises:
            ArgumentError: The index has no postings.
            IndexModelMismatch: An unknown analyzer made the postings.
        """
        index = self.index.pinned()
        require_analyzer(index)
        return index.search_terms(analyse(queries), k, where=where, weights=self.weights)
