"""IndexReader: searches and reads one generation of an index, and changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .chunking import Chunking
from .document import Document
from .filters import Predicate
from .info import IndexInfo, info_of
from .manifest import Manifest, ModelFingerprint, checked_settings
from .reading import BM25, Hit, Snapshot, best_hits, neighbours, search_both, search_terms, with_other_passages

DEFAULT_WEIGHTS = BM25()


class IndexReader:
    """One generation, opened; any number of threads may ask."""

    def __init__(self, path: Path, snapshot: Snapshot) -> None:
        self.path = path
        self._snapshot = snapshot

    def search(
        self, vectors: NDArray[np.float32], k: int, *, where: Predicate | None = None, passages: int = 1
    ) -> list[list[Hit]]:
        """The best ``k`` documents for each of the unit vectors of shape (n, dimension), best first.

        Fewer only where fewer live, or match ``where``: a string such as ``"year >= 2020 and source == 'pubmed'"`` or
        an Arrow compute expression on metadata. A document counts with its best passage. Equal scores go by id. With
        ``passages``, a hit has up to so many of its document: the best, and ``Hit.others``.
        """
        snapshot = self._snapshot
        found = snapshot.nearest(vectors, k, snapshot.masks(where))
        return [best_hits(line) for line in with_other_passages(found, vectors, passages)]

    def search_terms(
        self,
        queries: Sequence[Sequence[str]],
        k: int,
        *,
        where: Predicate | None = None,
        weights: BM25 = DEFAULT_WEIGHTS,
    ) -> list[list[Hit]]:
        """The best ``k`` documents for each query, a list of terms of ``analyzer``, by BM25, best first.

        Only documents that have one of the terms; a document counts with its best passage, and equal scores go by id.
        Statistics are those of all live passages, whatever ``where`` says. Raises ``ArgumentError`` where the index
        keeps no terms.
        """
        return search_terms(self._snapshot, queries, k, where=where, weights=weights)

    def search_both(
        self,
        vectors: NDArray[np.float32],
        queries: Sequence[Sequence[str]],
        k: int,
        *,
        where: Predicate | None = None,
        weights: BM25 = DEFAULT_WEIGHTS,
        passages: int = 1,
    ) -> list[list[Hit]]:
        """What ``search`` and ``search_terms`` find, with both scores of each document, ordered by ``dense_score``.

        At most ``2 * k`` for each query. A document has the passage that ``search`` found it by, or else the one that
        ``search_terms`` did; its ``lexical_score`` is 0.0 where it has none of the terms. ``passages`` is as for
        ``search``.
        """
        found = search_both(self._snapshot, vectors, queries, k, where=where, weights=weights)
        return [best_hits(line) for line in with_other_passages(found, vectors, passages)]

    def neighbours(
        self,
        ids: Sequence[str],
        k: int,
        *,
        where: Predicate | None = None,
        query: NDArray[np.float32] | None = None,
    ) -> list[list[Hit]]:
        """The ``k`` nearest other documents of each document, by the two of their passages that are nearest.

        With ``query``, a unit vector of shape (dimension,), each has the score and the passage that a search for it
        gives; the order is that of nearness all the same. ``ArgumentError`` for an id that the index does not have.
        """
        return neighbours(self._snapshot, ids, k, where=where, query=query)

    def __len__(self) -> int:
        """The number of live documents."""
        return len(self._snapshot)

    def documents(self) -> Iterator[Document]:
        """All live documents, in the order of adding."""
        return self._snapshot.documents()

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The document of each id; None where there is none."""
        return self._snapshot.get(ids)

    @property
    def generation(self) -> int:
        """The number of the generation that is open: it grows with every commit."""
        return self._manifest.generation

    @property
    def model(self) -> ModelFingerprint:
        """The model that made the vectors."""
        return self._manifest.model

    @property
    def chunking(self) -> Chunking | None:
        """How its documents were split; None where each is one passage."""
        return self._manifest.chunking

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer whose ids the index keeps of every passage; empty where it keeps none."""
        return self._manifest.tokenizer_fingerprint

    @property
    def analyzer(self) -> str:
        """The name of the analyzer whose terms the index keeps of every passage; empty where it keeps none."""
        return self._manifest.analyzer

    @property
    def settings(self) -> Mapping[str, object]:
        """What ``Index.set_settings`` was given last, ``{}`` at first; a copy."""
        return checked_settings(self._manifest.settings)

    def info(self) -> IndexInfo:
        """Counts, size on disk, how vectors are stored, and the model."""
        return info_of(self.path, self._manifest)

    @property
    def _manifest(self) -> Manifest:
        return self._snapshot.manifest
