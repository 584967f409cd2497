"""ShardedIndex: an index whose segments are open in shards, which search them together."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_path, checked_positive
from ..arguments import checked_ids
from ..collection import Index
from ..coverage import Coverage
from ..document import Document, Passage
from ..files import Filesystem
from ..filters import FieldInfo, Predicate
from ..manifest import Manifest, ModelFingerprint
from ..reading import BM25, Hit
from ..segments import Verify
from ..writing import read_manifest
from . import searching
from .asking import Asking, Missing, OpenGeneration, Shards, unavailable
from .describing import describe
from .lookups import CountDocuments, GetDocuments, GetPassages, SampleDocuments

DEFAULT_WEIGHTS = BM25()
DEFAULT_SECONDS = 10.0


class ShardedIndex(Index):
    """One generation of an index, open in shards. Searches find what one process finds: documents, scores, order.

    It is an ``Index`` for all who search: retrievers and pipelines take it as they take one. Documents are changed, and
    listed, through ``Index.open``; ``refresh`` then moves all shards to the new generation together.

    A shard that does not answer is an error. ``partial`` makes an index whose searches go on without it, and whose
    ``coverage`` says so.
    """

    def __init__(self, path: str | Path, shards: Shards, *, seconds: float = DEFAULT_SECONDS) -> None:
        """Open the newest generation in all shards.

        Args:
            path: The folder of the index, which all shards can read.
            shards: The shards.
            seconds: How long one call may take; a shard that has not answered by then is missing.

        Raises:
            IndexNotFound: There is no index at ``path``.
            ShardsUnavailable: A shard cannot open its part.
        """
        path = checked_path(path)
        self._shards = shards
        self._seconds = checked_positive(seconds, "seconds")
        self._missing: Missing | None = None
        super().__init__(path, self._opened(path, read_manifest(path)), Filesystem())

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        model: ModelFingerprint | None = None,
        verify: Verify = "full",
        filesystem: Filesystem | None = None,
    ) -> Self:
        """Raise ``ArgumentError``: an index is opened in shards that there are."""
        raise ArgumentError(
            "ShardedIndex.open knows no shards: give them, as in ShardedIndex(path, shards), or open the index on Ray "
            "with bicross.pipelines.cluster.sharding.open_sharded"
        )

    @property
    def coverage(self) -> Coverage:
        """How much of the index the searches of this object were of; all of it, unless it is ``partial``."""
        generation, missing = self._generation, self._missing
        lost = tuple(sorted(missing.shards)) if missing is not None else ()
        total = generation.manifest.documents
        documents = total - sum(generation.documents_of(shard) for shard in lost)
        return Coverage(self._shards.count, lost, documents, total)

    @property
    def late_interaction_fingerprint(self) -> str:
        """Empty: shards send no token vectors, even where the index stores some."""
        return ""

    def pinned(self) -> Self:
        """Return the same generation as an index of its own, which stays on it whatever this one moves to."""
        pinned = copy.copy(self)
        if self._missing is not None:
            pinned._missing = Missing(self._missing)
        return pinned

    def partial(self) -> Self:
        """Return the same generation as an index of its own, whose searches go on without shards that do not answer.

        Its ``coverage`` says which these were. Only searches go on: to get documents, or to count them, needs all.
        """
        pinned = copy.copy(self)
        pinned._missing = Missing()
        return pinned

    def refresh(self) -> bool:
        """Move to the newest generation, in all shards or in none. Running searches finish on the old one.

        Returns:
            Whether there was a newer generation.

        Raises:
            ShardsUnavailable: A shard cannot open it; all stay where they are.
            IndexModelMismatch: The index was replaced by one of another model.
        """
        with self._moving:
            newest = read_manifest(self.path)
            if newest == self._manifest:
                return False
            newest.model.require_same(self.model)
            self._snapshot = self._opened(self.path, newest)
            return True

    def search(
        self, vectors: NDArray[np.float32], k: int, *, where: Predicate | None = None, passages: int = 1
    ) -> list[list[Hit]]:
        """See ``Index.search``."""
        return searching.search(self._ask(), vectors, k, where=where, passages=passages)

    def search_terms(
        self,
        queries: Sequence[Sequence[str]],
        k: int,
        *,
        where: Predicate | None = None,
        weights: BM25 = DEFAULT_WEIGHTS,
    ) -> list[list[Hit]]:
        """See ``Index.search_terms``."""
        return searching.search_terms(self._ask(), queries, k, where=where, weights=weights)

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
        """See ``Index.search_both``."""
        return searching.search_both(self._ask(), vectors, queries, k, where=where, weights=weights, passages=passages)

    def term_scores(
        self, ids: Sequence[str], query: Sequence[str], *, weights: BM25 = DEFAULT_WEIGHTS
    ) -> NDArray[np.float64]:
        """See ``Index.term_scores``."""
        return searching.term_scores(self._ask(), ids, query, weights=weights)

    def neighbours(
        self,
        ids: Sequence[str],
        k: int | None = None,
        *,
        threshold: float | None = None,
        where: Predicate | None = None,
        query: NDArray[np.float32] | None = None,
    ) -> list[list[Hit]]:
        """See ``Index.neighbours``; ``k`` must be given."""
        if k is None:
            raise ArgumentError(
                "shards find the k nearest neighbours: give k, or find all within a threshold with Index.open"
            )
        return searching.neighbours(self._ask(), ids, k, threshold=threshold, where=where, query=query)

    def vectors(self, ids: Sequence[str]) -> list[NDArray[np.float32]]:
        """See ``Index.vectors``."""
        return [held.value for held in searching.vectors_of(self._ask(), ids)]

    def passages(self, ids: Sequence[str]) -> list[list[Passage]]:
        """See ``Index.passages``."""
        asking, ids = self._ask(of_all=True), checked_ids(ids)
        found = searching.by_position(asking.all(GetPassages(ids)).values(), len(ids))
        asking.require_found(ids, found)
        return [held.value for held in found if held is not None]

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """See ``Index.get``."""
        ids = checked_ids(ids)
        answers = self._ask(of_all=True).all(GetDocuments(ids)).values()
        return [None if held is None else held.value for held in searching.by_position(answers, len(ids))]

    def count(self, where: Predicate) -> int:
        """See ``Index.count``."""
        asking = self._ask(of_all=True)
        return sum(asking.all(CountDocuments(asking.typed(where))).values())

    def check_filter(self, where: Predicate) -> None:
        """See ``Index.check_filter``."""
        self._ask().typed(where)

    def sample(self, count: int) -> list[Document]:
        """See ``Index.sample``."""
        asking, count = self._ask(of_all=True), checked_count(count, "count")
        generation = asking.generation
        documents = generation.manifest.documents
        step = -(-documents // count) if documents else 1
        requests: dict[int, SampleDocuments] = {}
        before = 0
        for shard in generation.asked:
            requests[shard] = SampleDocuments(-before % step, step)
            before += generation.documents_of(shard)
        answers = asking.some(requests)
        return [document for shard in sorted(answers) for document in answers[shard]]

    def fields(self) -> tuple[FieldInfo, ...]:
        """See ``Index.fields``."""
        return describe(self._ask(of_all=True))

    @property
    def _generation(self) -> OpenGeneration:
        assert isinstance(self._snapshot, OpenGeneration)
        return self._snapshot

    def _opened(self, path: Path, manifest: Manifest) -> OpenGeneration:
        generation = OpenGeneration(manifest, self._shards.count, str(path))
        failed = self._shards.open(generation.key, generation.asked)
        if failed:
            raise unavailable(self._shards.count, failed)
        return generation

    def _ask(self, *, of_all: bool = False) -> Asking:
        missing = None if of_all else self._missing
        return Asking(self._shards, self._generation, seconds=self._seconds, missing=missing)
