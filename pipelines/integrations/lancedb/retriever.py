"""LanceRetriever: the first stage over a table of LanceDB."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from lancedb import DBConnection
from numpy.typing import NDArray

from ....errors import ArgumentError, StoreError
from ....errors.arguments import checked_instance
from ....index import Predicate
from ....retrieval import Encoder
from ..stores import Batch, Found, StoreFields, StoreRetriever, checked_name, require_dimension
from .columns import Columns, quoted
from .filters import sql_of
from .options import LanceOptions

MOST = 100_000
_DISTANCE, _FUSED = "_distance", "_relevance_score"
_SCORES: dict[str, Callable[[float], float]] = {
    "cosine": lambda distance: 1.0 - distance,
    "dot": lambda distance: 1.0 - distance,
    "l2": lambda distance: 1.0 - distance / 2.0,  # it is squared
}
Answer = TypeVar("Answer")


class LanceRetriever(StoreRetriever):
    """Finds the rows of a table whose vectors are nearest to that of a query.

    Scores are cosines: a distance becomes the cosine that unit vectors have at that distance. The distance is that of
    the vector index, or the cosine where there is none. With ``LanceOptions(hybrid=True)`` they are sums of reciprocal
    ranks. Texts are compared letter by letter, dates of a date type as dates.

    Args:
        connection: A connection to the database.
        table: The name of the table.
        encoder: The model that made the vectors. Nothing but their dimension can be checked.
        fields: Which columns hold text, title, id and metadata; None takes the columns "text" and "id". A table has no
            keys, so that one must hold ids.
        vector: The column with the vectors.
        options: How LanceDB searches; None takes its defaults.

    Raises:
        ArgumentError: A value cannot be.
        StoreError: There is no such table or column, the dimension is not that of the encoder, or a search for words
            needs an index that is not there.

    Example:
        >>> retriever = LanceRetriever(lancedb.connect("folder"), "articles", BiEncoder())
        >>> pipeline = SearchPipeline(retriever, CrossEncoderReranker(), retrieve_k=100)
    """

    def __init__(
        self,
        connection: DBConnection,
        table: str,
        encoder: Encoder,
        *,
        fields: StoreFields | None = None,
        vector: str = "vector",
        options: LanceOptions | None = None,
    ) -> None:
        super().__init__(encoder, StoreFields(id="id") if fields is None else fields, largest_k=MOST)
        if self.fields.id is None:
            raise ArgumentError("a table of LanceDB has no keys: name the column with the ids, StoreFields(id=...)")
        self._name = checked_name(table, "table", "a table")
        self._vector = checked_name(vector, "vector", "a column")
        self._options = LanceOptions() if options is None else checked_instance(options, LanceOptions, "options")
        checked = checked_instance(connection, DBConnection, "connection")
        self._table: Any = self._asked(lambda: cast("Any", checked).open_table(self._name))
        self._columns = Columns(self._table.schema, self.fields)
        self._require_columns()
        self._selected = {name: quoted(name) for name in [*self._columns.without_vectors, _DISTANCE]}
        self._distance = self._distance_of_index()
        self.has_dense_scores = not self._options.hybrid

    def _require_columns(self) -> None:
        place = f"the table {self._name!r}"
        given = self.fields
        for argument, name in (("text", given.text), ("title", given.title), ("id", given.id)):
            if name is not None and not self._columns.has(name):
                raise StoreError(
                    f"{place} has no column {name!r}; there are: {self._columns.names()}. Name the right one: "
                    f"StoreFields({argument}=...)"
                )
        for name in (given.text, given.title):
            if name is not None and not self._columns.holds_texts(name):
                raise StoreError(f"the column {name!r} of {place} holds no texts, which the reranker reads")
        if not self._columns.has(self._vector):
            raise StoreError(f"{place} has no column {self._vector!r}: vector= names one of {self._columns.names()}")
        type_ = self._table.schema.field(self._vector).type
        size = getattr(type_, "list_size", None)
        if size is None:
            raise StoreError(f"the column {self._vector!r} of {place} holds {type_} and no vectors of one length")
        require_dimension(self.encoder, size, place)

    def _distance_of_index(self) -> str:
        """Return the distance of the vector index; another one would search past it."""
        indices = self._asked(lambda: list(self._table.list_indices()))
        if self._options.hybrid and not any(
            index.index_type == "FTS" and self.fields.text in index.columns for index in indices
        ):
            raise StoreError(
                f"hybrid=True needs a full-text index on {self.fields.text!r} of the table {self._name!r}: "
                f"table.create_index({self.fields.text!r}, config=FTS())"
            )
        for index in indices:
            if self._vector not in index.columns:
                continue
            distance = str(self._table.index_stats(index.name).distance_type)
            if distance not in _SCORES:
                raise StoreError(
                    f"the index of {self._vector!r} compares vectors by {distance}, and encoders by the cosine"
                )
            return distance
        return "cosine"

    def _filter(self, where: Predicate) -> str:
        return sql_of(where, self._columns)

    def _find(self, batch: Batch, store_filter: object) -> list[list[Found]]:
        return [
            self._asked(lambda text=text, vector=vector: self._search(text, vector, batch.k, store_filter))
            for text, vector in zip(batch.texts, batch.vectors, strict=True)
        ]

    def _search(self, text: str, vector: NDArray[np.float32], k: int, store_filter: object) -> list[Found]:
        options = self._options
        if options.hybrid:
            query = self._table.search(
                query_type="hybrid", vector_column_name=self._vector, fts_columns=self.fields.text
            )
            query = query.vector(vector).text(text)
        else:
            query = self._table.search(vector, vector_column_name=self._vector).select(self._selected)
        query = query.distance_type(self._distance).limit(k)
        if store_filter is not None:
            query = query.where(store_filter, prefilter=True)
        if options.exact:
            query = query.bypass_vector_index()
        if options.nprobes is not None:
            query = query.nprobes(options.nprobes)
        if options.refine_factor is not None:
            query = query.refine_factor(options.refine_factor)
        rows: list[dict[str, object]] = query.to_arrow().to_pylist()
        return [self._found(row) for row in rows]

    def _found(self, row: dict[str, object]) -> Found:
        record = {name: row[name] for name in self._columns.without_vectors}
        if self._options.hybrid:
            score = cast("float", row[_FUSED])
        else:
            score = _SCORES[self._distance](cast("float", row[_DISTANCE]))
        return Found(str(record.get(self.fields.id or "", "")), record, score)

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """Ask LanceDB.

        Raises:
            StoreError: It fails.
        """
        try:
            return ask()
        except (ValueError, RuntimeError, OSError, NotImplementedError) as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"LanceDB cannot answer for the table {self._name!r}: {reason:.500}") from error
