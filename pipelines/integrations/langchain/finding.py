"""What the searches of the vector store have in common."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from numpy.typing import NDArray

from ....errors import ArgumentError
from ....errors.arguments import checked_count, checked_number
from ....index import Hit
from ...search import SearchPipeline, SearchResult
from ..searching import index_of
from .documents import langchain_document
from .embeddings import unit_vector
from .filters import Filter, where_of


def search(pipeline: SearchPipeline, query: str, k: int, given: Filter | None) -> list[SearchResult]:
    """Search; where there is no document there is no field to filter by either, and nothing is found."""
    where = where_of(given)
    empty = where is not None and not len(index_of(pipeline))
    return pipeline.search(query, top_k=checked_count(k, "k"), where=None if empty else where)


def nearest(
    pipeline: SearchPipeline, embedding: Sequence[float], k: int, given: Filter | None
) -> tuple[NDArray[np.float32], list[Hit]]:
    """Search by a vector alone. Returns it with length 1, shape (dimension,), and the documents, nearest first."""
    index = index_of(pipeline)
    vector = unit_vector(embedding, index.model.dimension)
    [hits] = index.search(vector, k, where=where_of(given)) if len(index) else [[]]
    return vector[0], hits


def diverse(
    pipeline: SearchPipeline,
    query: NDArray[np.float32],
    found: Sequence[SearchResult | Hit],
    k: int,
    lambda_mult: float,
) -> list[Document]:
    """Choose by maximal marginal relevance, with the passage of each document that is nearest to the query."""
    weight = checked_number(lambda_mult, "lambda_mult", 0.0, 1.0)
    passages = index_of(pipeline).vectors([result.document.id for result in found])
    nearest = [vectors[int(np.argmax(vectors @ query))].tolist() for vectors in passages]
    chosen = maximal_marginal_relevance(query, nearest, lambda_mult=weight, k=k) if nearest else []
    return [langchain_document(found[place].document) for place in chosen]


def require_known(given: dict[str, Any], *names: str) -> None:
    """Refuse what would silently be ignored."""
    for name in given:
        if name not in names:
            raise ArgumentError(f"there is no argument {name!r} here; a search takes query, k and filter")
