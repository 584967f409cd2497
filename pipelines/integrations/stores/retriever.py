"""StoreRetriever: the first stage of a pipeline over a vector store of another project."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....errors import ArgumentError, StoreError
from ....errors.arguments import checked_count, checked_instance, checked_texts
from ....index import Hit, Passage, Predicate
from ....retrieval import Encoder
from ...models import require_encoder
from .fields import Found, StoreFields


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What a store is asked for.

    Attributes:
        texts: The queries.
        vectors: Their unit vectors, float32 of shape (queries, dimension).
        k: Records for each query.
    """

    texts: Sequence[str]
    vectors: NDArray[np.float32]
    k: int


class StoreRetriever(ABC):
    """Finds the records of a store whose vectors are nearest to that of a query.

    Args:
        encoder: The model that made the vectors in the store. Nothing but their dimension can be checked.
        fields: Which fields hold text, title, id and metadata.
        largest_k: The most records that the store returns for a query.
    """

    has_dense_scores = True
    """Whether the scores are cosines, or inner products, of vectors."""

    def __init__(self, encoder: Encoder, fields: StoreFields | None, *, largest_k: int) -> None:
        require_encoder(encoder)
        self.encoder = encoder
        self.fields = StoreFields() if fields is None else checked_instance(fields, StoreFields, "fields")
        self._largest_k = largest_k

    @abstractmethod
    def _filter(self, where: Predicate) -> object:
        """Translate ``where`` into a filter of the store.

        Raises:
            ArgumentError: The store has no such field, or cannot say this.
        """

    @abstractmethod
    def _find(self, batch: Batch, store_filter: object) -> list[list[Found]]:
        """Return at most ``batch.k`` records for each query, best first.

        Raises:
            StoreError: The store fails, or answers with a part of what it should search.
        """

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return at most ``k`` documents for each query, best first; equal scores are ordered by id.

        Args:
            queries: Texts.
            k: The most documents for each query.
            where: A restriction by metadata, as text: ``"year >= 2020 and 'heart' in tags"``.

        Raises:
            ArgumentError: The store cannot answer for so many documents, or cannot say ``where``.
            StoreError: The store fails, or a record has no text.
        """
        queries, k = checked_texts(queries, "queries"), checked_count(k, "k")
        self._require(k)
        store_filter = None if where is None else self._filter(where)
        if not queries:
            return []
        batch = Batch(queries, self.encoder.encode_queries(queries), k)
        records = self._distinct(batch, store_filter)
        return [self._hits(found, k) for found in records]

    def _distinct(self, batch: Batch, store_filter: object) -> list[list[Found]]:
        """Find records until each query has ``k`` documents, or the store has no more."""
        records = self._find(batch, store_filter)
        if self.fields.id is None:
            return records
        asked = batch.k
        while asked < self._largest_k:
            short = [row for row, found in enumerate(records) if len(found) == asked and self._lacks(found, batch.k)]
            if not short:
                break
            asked = min(2 * asked, self._largest_k)
            again = Batch([batch.texts[row] for row in short], batch.vectors[short], asked)
            for row, found in zip(short, self._find(again, store_filter), strict=True):
                records[row] = found
        return records

    def _lacks(self, records: Sequence[Found], k: int) -> bool:
        return len({self.fields.id_of(found) for found in records}) < k

    def _hits(self, records: Sequence[Found], k: int) -> list[Hit]:
        best: dict[str, Found] = {}
        for found in records:
            id_ = self.fields.id_of(found)
            if not np.isfinite(found.score):
                raise StoreError(f"record {found.key!r:.200} has the score {found.score}; check its vector")
            if id_ not in best or found.score > best[id_].score:
                best[id_] = found
        order = sorted(best.items(), key=lambda item: (-item[1].score, item[0]))[:k]
        return [self._hit(found) for _, found in order]

    def _hit(self, found: Found) -> Hit:
        document = self.fields.document(found)
        dense = found.score if self.has_dense_scores else None
        return Hit(document, Passage(document.text, 0, len(document.text)), found.score, dense_score=dense)

    def _require(self, k: int) -> None:
        if k > self._largest_k:
            raise ArgumentError(f"this store returns at most {self._largest_k} documents for a query, not k={k}")


def require_dimension(encoder: Encoder, dimension: object, place: str) -> None:
    """Check the dimension of the vectors of a store.

    Raises:
        StoreError: It is not that of the encoder.
    """
    expected = encoder.fingerprint.dimension
    if dimension != expected:
        raise StoreError(
            f"{place} holds vectors of {dimension} dimensions, and {encoder.fingerprint.id!r} makes {expected}: give "
            "the model that made them"
        )
