"""Draws from ranking lists to the columns that each loss takes. Knows no model and no file."""

from collections.abc import Sequence
from typing import Any

import torch

from .list_sampler import Draws
from .reranker_method import RerankerMethod


class Columns:
    """Numbers of draws to the columns that a loss takes; a trainer calls it for the rows of a step."""

    valid_label_columns = ("label",)

    def __init__(self, draws: Draws, method: RerankerMethod) -> None:
        self._draws, self._method = draws, method

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        """The columns of those draws."""
        drawn = [self._draws[row["draw"]] for row in rows]
        if self._method.loss == "binary":
            pairs = [(item.query, passage) for item in drawn for passage in item.passages]
            labels = [float(label > 0) for item in drawn for label in item.labels]
            return {
                "query": [query for query, _ in pairs],
                "passage": [passage for _, passage in pairs],
                "label": torch.tensor(labels),
            }
        columns: dict[str, Any] = {"query": [item.query for item in drawn]}
        if self._method.loss == "margin-mse":
            texts = zip(*(item.passages for item in drawn), strict=True)
            columns |= {f"passage {number}": list(column) for number, column in enumerate(texts)}
        else:
            columns["passages"] = [list(item.passages) for item in drawn]
        if self._method.prior_weight:
            columns["prior"] = [list(item.prior) for item in drawn]
        columns["label"] = [torch.tensor(item.labels) for item in drawn]
        return columns
