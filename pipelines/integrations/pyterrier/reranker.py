"""BicrossReranker: a cross-encoder as a Transformer of PyTerrier."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyterrier as pt

from ....errors.arguments import checked_count
from ....rerank import DEFAULT_RERANKER, Reranker
from ..evaluators import falling
from ..reranking import TextReranker
from .frames import Row, frame_of, rows_of


class BicrossReranker(pt.Transformer):
    """Reranks the documents of each query, by a cross-encoder that scores each together with the query.

    Takes the columns qid, query, docno and text, and title if there is one; score becomes the reranker's logit, and
    rank is from 0. ``BicrossRetriever`` and ``pt.text.get_text`` give texts.

    Args:
        model: A reranker or its name; it is loaded when the first documents come.
        top_k: The most documents that a query keeps; None keeps all.
        device: Where a model given by name runs; None is the fastest there is.

    Example:
        >>> pipeline = BicrossRetriever("my-index", reranker=None) % 50 >> BicrossReranker()
    """

    def __init__(
        self,
        model: str | Path | Reranker = DEFAULT_RERANKER,
        *,
        top_k: int | None = None,
        device: str | None = None,
    ) -> None:
        self._top_k = None if top_k is None else checked_count(top_k, "top_k")
        self._reranker = TextReranker(model, device=device)

    def __repr__(self) -> str:
        """A name for tables of experiments."""
        return "BicrossReranker()"

    def transform(self, inp: Any) -> pd.DataFrame:  # noqa: ANN401 - as in PyTerrier
        """Return the documents of each query in their new order.

        Raises:
            QueryError: A query is blank.
        """
        pt.validate.result_frame(inp, extra_columns=["query", "text"])
        queries: dict[str, list[Row]] = {}
        for row in rows_of(inp):
            queries.setdefault(row["qid"], []).append(row)
        ordered: list[Row] = []
        for rows in queries.values():
            texts = [_text(row) for row in rows]
            ranked = self._reranker.rank(str(rows[0]["query"]), texts, self._top_k)
            scores = falling([text.logit for text in ranked])
            for rank, (text, score) in enumerate(zip(ranked, scores, strict=True)):
                ordered.append({**rows[text.place], "score": score, "rank": rank})
        return frame_of(ordered, [*inp.columns, "score", "rank"])


def _text(row: Row) -> str:
    title = row.get("title")
    return f"{title} {row['text']}".strip() if isinstance(title, str) and title else row["text"]
