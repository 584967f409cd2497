"""BicrossRetriever: both stages of bicross as a Transformer of PyTerrier."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyterrier as pt

from ....errors.arguments import checked_count
from ....index import Index, Predicate
from ....rerank import DEFAULT_RERANKER, Reranker
from ....retrieval import Encoder
from ...search import SearchOptions, SearchPipeline
from ..evaluators import search_all
from ..searching import IndexSearcher
from .frames import Row, frame_of, rows_of

FOUND = ("docno", "score", "rank", "text", "title")


class BicrossRetriever(pt.Transformer):
    """Searches an index for each query of a frame: the first stage finds candidates, the reranker orders them.

    Takes the columns qid and query; adds docno, score, rank (from 0), and the document's text and title. The queries of
    a frame are searched together, on one generation.

    Args:
        index: The folder of an index, an ``Index``, or a ``SearchPipeline`` of your own.
        top_k: How many documents a query has; None is what the pipeline returns.
        where: Restricts every search, as for ``SearchPipeline.search``.
        encoder: A model or its name; None is the one that built the index.
        reranker: A model or its name; None searches with the first stage alone.
        device: Where models given by name run.
        options: How to search; what is left open is as tuned, else the default.

    Example:
        >>> pt.Experiment([BicrossRetriever("my-index", top_k=100)], topics, qrels, ["ndcg_cut_10"])
    """

    def __init__(  # noqa: PLR0913 - each argument has a default
        self,
        index: str | Path | Index | SearchPipeline,
        *,
        top_k: int | None = None,
        where: Predicate | None = None,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        options: SearchOptions | None = None,
    ) -> None:
        self._top_k = None if top_k is None else checked_count(top_k, "top_k")
        self._where = where
        self._searcher = IndexSearcher(index, encoder=encoder, reranker=reranker, device=device, options=options)

    def __repr__(self) -> str:
        """A name for tables of experiments."""
        return "BicrossRetriever()"

    def transform(self, inp: Any) -> pd.DataFrame:  # noqa: ANN401 - as in PyTerrier
        """Return the documents of each query.

        Raises:
            QueryError: A query is blank.
        """
        pt.validate.query_frame(inp, extra_columns=["query"])
        queries = rows_of(inp)
        columns = [*inp.columns, *FOUND]
        if not queries:
            return frame_of([], columns)
        pipeline = self._searcher.newest().pinned()
        answers = search_all(pipeline, [str(row["query"]) for row in queries], self._top_k, where=self._where)
        found: list[Row] = []
        for row, (results, scores) in zip(queries, answers, strict=True):
            for rank, (result, score) in enumerate(zip(results, scores, strict=True)):
                document = result.document
                values = (document.id, score, rank, document.text, document.title)
                found.append({**row, **dict(zip(FOUND, values, strict=True))})
        return frame_of(found, columns)
