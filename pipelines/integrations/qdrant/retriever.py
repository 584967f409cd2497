"""QdrantRetriever: the first stage over a collection of Qdrant."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from ....errors import ArgumentError, StoreError
from ....errors.arguments import checked_instance
from ....index import Predicate
from ....index.filters import Field
from ....retrieval import Encoder
from ..stores import (
    Batch,
    Found,
    Kind,
    Kinds,
    StoreFields,
    StoreRetriever,
    checked_name,
    clause_of,
    names_listed,
    require_dimension,
)
from .filters import Translator, has_value, payload_key
from .payloads import has_something, kinds_of_value

MOST = 100_000
QUERIES_AT_ONCE = 32
SAMPLE = 16
"""Points whose payloads say which fields there are."""
Answer = TypeVar("Answer")


class QdrantRetriever(StoreRetriever):
    """Finds the points of a collection whose vectors are nearest to that of a query.

    Scores are cosines: a Euclidean distance becomes the cosine that unit vectors have at that distance. Any number of
    threads may search, as far as the client allows it. A condition of ``where`` on a list holds where it holds for one
    of its items. Texts are equal letter by letter.

    Args:
        client: The client of Qdrant, local or of a server.
        collection: The name of the collection.
        encoder: The model that made the vectors. Nothing but their dimension can be checked.
        fields: Which fields of the payload hold text, title, id and metadata; None takes the field "text".
        vector: The name of the vectors, where they have one.
        params: How Qdrant searches, such as ``SearchParams(hnsw_ef=256)``; None is as the collection says.

    Raises:
        ArgumentError: A value cannot be.
        StoreError: Qdrant cannot be reached, there is no such collection or vector, its dimension is not that of the
            encoder, or no point has a text.

    Example:
        >>> retriever = QdrantRetriever(QdrantClient(url="http://localhost:6333"), "articles", BiEncoder())
        >>> pipeline = SearchPipeline(retriever, CrossEncoderReranker(), retrieve_k=100)
    """

    def __init__(
        self,
        client: QdrantClient,
        collection: str,
        encoder: Encoder,
        *,
        fields: StoreFields | None = None,
        vector: str | None = None,
        params: models.SearchParams | None = None,
    ) -> None:
        super().__init__(encoder, fields, largest_k=MOST)
        self._client = checked_instance(client, QdrantClient, "client")
        self._collection = checked_name(collection, "collection", "a collection")
        self._vector = None if vector is None else checked_name(vector, "vector", "vectors")
        self._params = None if params is None else checked_instance(params, models.SearchParams, "params")
        self._kinds: dict[str, Kinds] = {}
        id_path = None if self.fields.id is None else tuple(self.fields.id.split("."))
        self._translator = Translator(self.fields.metadata, id_path)
        self._is_euclidean = self._checked_vectors().distance == models.Distance.EUCLID
        self._require_text()

    def _checked_vectors(self) -> models.VectorParams:
        """Return how the vectors are made, which are searched."""
        vectors = self._asked(lambda: self._client.get_collection(self._collection)).config.params.vectors
        place = f"the collection {self._collection!r}"
        named = vectors if isinstance(vectors, dict) else {} if vectors is None else {"": vectors}
        if not named:
            raise StoreError(f"{place} has no dense vectors")
        name = self._vector or ""
        if name not in named:
            names = ", ".join(map(repr, named))
            remedy = f"there are: {names}; name one: vector=..." if "" not in named else "they have none"
            raise StoreError(f"{place} has no vectors of the name {self._vector!r}: {remedy}")
        found = named[name]
        if found.multivector_config is not None:
            raise StoreError(f"{place} has several vectors for each point in {name!r}; one is needed")
        if found.distance == models.Distance.MANHATTAN:
            raise StoreError(f"{place} compares vectors by their Manhattan distance, and encoders by the cosine")
        require_dimension(self.encoder, found.size, place)
        return found

    def _require_text(self) -> None:
        sample = self._sample()
        key = payload_key(tuple(self.fields.text.split(".")))
        if sample and self.fields.title is None and self._first_with(key, sample) is None:
            raise StoreError(
                f"no point of the collection {self._collection!r} has a field {self.fields.text!r}; the first one has "
                f"{names_listed(sample[0])}. Name the field with the text: StoreFields(text=...)"
            )

    def _filter(self, where: Predicate) -> models.Filter:
        return self._translator.translate(clause_of(where, self._kinds_of))

    def _kinds_of(self, field: Field) -> Kinds:
        """Return the kinds of the first value of a field; of dates and texts both, which are one type in Qdrant."""
        key = self._translator.key(field)
        if key is None:
            return (Kind.TEXTS,)
        if key not in self._kinds:
            sample = self._sample()
            payload = self._first_with(key, sample)
            if payload is None:
                names = names_listed(sample[0] if sample else {})
                raise ArgumentError(f"no point has a field {field.name!r:.200} to filter by; the first one has {names}")
            self._kinds[key] = kinds_of_value(payload, key)
        return self._kinds[key]

    def _sample(self) -> list[models.Payload]:
        """Return the payloads of the first points."""
        points, _ = self._asked(lambda: self._client.scroll(self._collection, limit=SAMPLE, with_payload=True))
        return [point.payload or {} for point in points]

    def _first_with(self, key: str, sample: Sequence[models.Payload]) -> models.Payload | None:
        """Return the payload of the first point that has something at a place; None where none has.

        A search for it is made only where the sample has none: in its strict mode Qdrant refuses to look for a field
        that has no payload index.
        """
        found = next((payload for payload in sample if has_something(payload, key)), None)
        if found is not None:
            return found
        points, _ = self._asked(
            lambda: self._client.scroll(self._collection, scroll_filter=has_value(key), limit=1, with_payload=True)
        )
        return points[0].payload if points else None

    def _find(self, batch: Batch, store_filter: object) -> list[list[Found]]:
        assert store_filter is None or isinstance(store_filter, models.Filter)
        requests = [
            models.QueryRequest(
                query=vector,
                using=self._vector,
                filter=store_filter,
                params=self._params,
                limit=batch.k,
                with_payload=True,
            )
            for vector in batch.vectors.tolist()
        ]
        found: list[list[Found]] = []
        for start in range(0, len(requests), QUERIES_AT_ONCE):
            some = requests[start : start + QUERIES_AT_ONCE]
            answers = self._asked(partial(self._client.query_batch_points, self._collection, requests=some))
            found += [[self._found(point) for point in answer.points] for answer in answers]
        return found

    def _found(self, point: models.ScoredPoint) -> Found:
        score = 1.0 - point.score**2 / 2.0 if self._is_euclidean else point.score
        return Found(str(point.id), point.payload or {}, score)

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """Ask Qdrant.

        Raises:
            StoreError: It cannot be reached, or refuses; a local one raises ValueError.
        """
        try:
            return ask()
        except (ApiException, grpc.RpcError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"Qdrant cannot answer for the collection {self._collection!r}: {reason:.500}") from error
