"""Turns sampled ranking lists into the columns that each loss expects."""

from collections.abc import Sequence
from typing import Any

import torch

from .list_sampler import ListSampler
from .reranker_method import RerankerMethod


class RankingListCollator:
    """The data collator of the trainer: from the numbers of draws to the columns of one step."""

    valid_label_columns = ("label",)

    def __init__(self, sampler: ListSampler, method: RerankerMethod) -> None:
        self._sampler, self._method = sampler, method

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        """Return the columns that the loss takes: query, passage texts, prior scores if used, labels."""
        drawn = [self._sampler[row["draw"]] for row in rows]
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
