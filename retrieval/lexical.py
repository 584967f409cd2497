"""LexicalRetriever: retrieves documents that share terms with a query, by the scores of ``index/reading/bm25.py``."""

from collections.abc import Sequence
from typing import Self

from ..errors.arguments import checked_instance, checked_texts
from ..index import BM25, Hit, Index, Predicate
from .analyzers import analyzer_of
from .retriever import moved


class LexicalRetriever:
    """Retrieves by BM25; it finds only documents that have a term of the query.

    Args:
        index: The index to search, which has postings.
        weights: Parameters of BM25; None takes the defaults.
    """

    def __init__(self, index: Index, *, weights: BM25 | None = None) -> None:
        self.index = checked_instance(index, Index, "index")
        self.weights = BM25() if weights is None else checked_instance(weights, BM25, "weights")

    def over(self, index: Index) -> Self:
        """Return the same retriever over another generation of the index."""
        return moved(self, checked_instance(index, Index, "index"))

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
        return index.search_terms(
            analyzer_of(index)(checked_texts(queries, "queries")), k, where=where, weights=self.weights
        )
