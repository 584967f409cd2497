"""Trains models of pairs from files: similarity, paraphrase, entailment."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from .data import LABEL_COLUMNS, JudgedPairs, PairData, read_judged_pairs

if TYPE_CHECKING:
    from .train import TrainedPairs, train_pairs_on

__all__ = ["LABEL_COLUMNS", "JudgedPairs", "PairData", "TrainedPairs", "read_judged_pairs", "train_pairs_on"]

# The trainer imports torch, which takes seconds.
__getattr__ = lazy_names(__name__, {"train": ("TrainedPairs", "train_pairs_on")})
