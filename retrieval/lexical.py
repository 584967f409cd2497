"""Texts to terms, and documents by the terms that they share with a query (BM25). Knows the index, and no model.

The analyzer is bm25s' tokenizer: lower case, words of two characters and more without English stop words, stemmed. An
index keeps its terms under the name ``ANALYZER``, which has to change whenever the terms of any text would.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

from ..errors import IndexModelMismatch
from ..index import BM25, Hit, Index, Predicate

ANALYZER = "bm25s-english-1"


def analyse(texts: Sequence[str]) -> list[list[str]]:
    """The terms of each text, in order, repeated ones too."""
    tokenization: Any = import_module("bm25s.tokenization")  # brings scipy, which dense searches do not need
    stemmers: Any = import_module("Stemmer")
    stemmer = stemmers.Stemmer("english")  # not for several threads at once
    return cast(
        "list[list[str]]",
        tokenization.tokenize(list(texts), stopwords="english", stemmer=stemmer, return_ids=False, show_progress=False),
    )


def require_analyzer(index: Index) -> None:
    """Raise ``IndexModelMismatch`` where an index keeps terms that ``analyse`` does not make."""
    if index.analyzer not in ("", ANALYZER):
        raise IndexModelMismatch(
            f"{index.path} keeps terms of the analyzer {index.analyzer!r}, and this bicross has {ANALYZER!r}: "
            f"make them anew with `bicross index-terms {index.path}`, or use the bicross that made them"
        )


class LexicalRetriever:
    """Retrieves by BM25: only documents that have a term of the query."""

    def __init__(self, index: Index, *, weights: BM25 | None = None) -> None:
        self.index = index
        self.weights = weights or BM25()

    def over(self, index: Index) -> "LexicalRetriever":
        """The same retriever over another generation of the index."""
        return LexicalRetriever(index, weights=self.weights)

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the token ids in the index; empty where it holds none."""
        return self.index.tokenizer_fingerprint

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """At most ``k`` documents for each query, best first, equal scores by id; ``where`` as for ``Index.search``.

        Raises ``ArgumentError`` where the index keeps no terms, and ``IndexModelMismatch`` where they are of an
        analyzer that is unknown.
        """
        require_analyzer(self.index)
        return self.index.search_terms(analyse(queries), k, where=where, weights=self.weights)
