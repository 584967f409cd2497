"""OpenSearchRetriever: the first stage over an index of OpenSearch."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from opensearchpy import OpenSearch
from opensearchpy.exceptions import OpenSearchException

from ....errors import ArgumentError, StoreError
from ....errors.arguments import checked_instance
from ....index import Predicate
from ....retrieval import Encoder
from ..stores import Batch, Found, StoreFields, StoreRetriever, checked_name, require_dimension
from .filters import query_of
from .mappings import Fields

MOST = 10_000
"""Its ``index.max_result_window``, and the most neighbours that it looks for."""
QUERIES_AT_ONCE = 32
Answer = TypeVar("Answer")
_COSINES: dict[str, Callable[[float], float]] = {
    "cosinesimil": lambda score: 2.0 * score - 1.0,
    "cosinesimil of nmslib": lambda score: 2.0 - 1.0 / score,
    "innerproduct": lambda score: score - 1.0 if score >= 1.0 else 1.0 - 1.0 / score,
    "l2": lambda score: 1.0 - (1.0 / score - 1.0) / 2.0,
}
"""By the space: the cosine of two unit vectors with a score."""


class OpenSearchRetriever(StoreRetriever):
    """Finds the documents of an index whose vectors are nearest to that of a query.

    Scores are cosines: the score of OpenSearch becomes the cosine that unit vectors have with it. An answer of which
    shards are missing, or that ran out of time, is an error. Any number of threads may search.

    Args:
        client: The client of OpenSearch.
        index: The name of the index, or an alias.
        encoder: The model that made the vectors. Nothing but their dimension can be checked.
        fields: Which fields hold text, title, id and metadata; None takes the field "text".
        vector: The field of type ``knn_vector``.

    Raises:
        ArgumentError: A value cannot be.
        StoreError: OpenSearch cannot be reached, there is no such index or field, or its dimension is not that of the
            encoder.

    Example:
        >>> retriever = OpenSearchRetriever(OpenSearch("http://localhost:9200"), "articles", BiEncoder())
        >>> pipeline = SearchPipeline(retriever, CrossEncoderReranker(), retrieve_k=100)
    """

    def __init__(
        self,
        client: OpenSearch,
        index: str,
        encoder: Encoder,
        *,
        fields: StoreFields | None = None,
        vector: str = "vector",
    ) -> None:
        super().__init__(encoder, fields, largest_k=MOST)
        self._client = checked_instance(client, OpenSearch, "client")
        self._index = checked_name(index, "index", "an index")
        self._vector = checked_name(vector, "vector", "a field")
        self._mapped = Fields(self._properties(), self.fields)
        declared = self._mapped.vector(self._vector)
        require_dimension(self.encoder, declared.dimension, f"the field {self._vector!r} of {self._index!r}")
        if declared.space not in _COSINES:
            raise StoreError(
                f"{self._index!r} compares vectors by {declared.space!r}, and encoders by the cosine: use the "
                "space cosinesimil, innerproduct or l2"
            )
        # nmslib makes another score of the same distance, and finds neighbours before it filters.
        self._is_nmslib = declared.engine == "nmslib"
        space = "cosinesimil of nmslib" if self._is_nmslib and declared.space == "cosinesimil" else declared.space
        self._cosine = _COSINES[space]
        for argument, name in (("text", self.fields.text), ("title", self.fields.title), ("id", self.fields.id)):
            if name is not None:
                self._mapped.require(name, argument)

    def _properties(self) -> dict[str, Mapping[str, object]]:
        answer = self._asked(lambda: self._client.indices.get_mapping(index=self._index))
        mappings = cast("dict[str, dict[str, dict[str, Mapping[str, object]]]]", answer)
        if not mappings:
            raise StoreError(f"OpenSearch has no index of the name {self._index!r}")
        return {name: mapping.get("mappings", {}).get("properties", {}) for name, mapping in mappings.items()}

    def _filter(self, where: Predicate) -> object:
        if self._is_nmslib:
            raise ArgumentError(
                f"{self._index!r} is searched by nmslib, which filters too late to find k documents: use an index of "
                "the engine faiss or lucene, or leave out where"
            )
        return query_of(where, self._mapped)

    def _find(self, batch: Batch, store_filter: object) -> list[list[Found]]:
        bodies = [self._body(vector, batch.k, store_filter) for vector in batch.vectors.tolist()]
        found: list[list[Found]] = []
        for start in range(0, len(bodies), QUERIES_AT_ONCE):
            some = bodies[start : start + QUERIES_AT_ONCE]
            lines = [json.dumps(line) for body in some for line in ({"index": self._index}, body)]
            answer = self._asked(lambda lines=lines: self._client.msearch(body="\n".join(lines) + "\n"))
            found += [self._records(one) for one in self._answers(answer, len(some))]
        return found

    def _body(self, vector: list[float], k: int, store_filter: object) -> dict[str, object]:
        neighbours: dict[str, object] = {"vector": vector, "k": k}
        if store_filter is not None:
            neighbours["filter"] = store_filter
        return {
            "size": k,
            "query": {"knn": {self._vector: neighbours}},
            "_source": {"excludes": [self._vector]},
        }

    def _answers(self, answer: Any, count: int) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
        responses = cast("dict[str, Any]", answer).get("responses") if isinstance(answer, dict) else None
        if not isinstance(responses, list) or len(cast("list[Any]", responses)) != count:
            raise StoreError(f"OpenSearch answered without the {count} responses that were asked for")
        checked: list[dict[str, Any]] = []
        for response in cast("list[dict[str, Any]]", responses):
            if "error" in response:
                raise StoreError(f"OpenSearch cannot search {self._index!r}: {json.dumps(response['error']):.500}")
            shards = response.get("_shards", {})
            if response.get("timed_out") or shards.get("failed"):
                raise StoreError(
                    f"OpenSearch searched a part of {self._index!r} alone: {shards.get('failed', 0)} of "
                    f"{shards.get('total', 0)} shards failed, timed_out={bool(response.get('timed_out'))}"
                )
            checked.append(response)
        return checked

    def _records(self, response: dict[str, Any]) -> list[Found]:
        hits: list[dict[str, Any]] = response["hits"]["hits"]
        return [Found(str(hit["_id"]), hit.get("_source", {}), self._cosine(float(hit["_score"]))) for hit in hits]

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """Ask OpenSearch.

        Raises:
            StoreError: It cannot be reached, or refuses.
        """
        try:
            return ask()
        except OpenSearchException as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"OpenSearch cannot answer for the index {self._index!r}: {reason:.500}") from error
