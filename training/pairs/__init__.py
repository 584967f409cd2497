"""Trains cross-encoders on judged pairs: similarity, paraphrase, entailment."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from .measures import MEASURES, measured, pearson, spearman
from .method import JudgedPair, PairMethod, PairTask
from .sampler import PairSampler

if TYPE_CHECKING:
    from .train import train_pairs

__all__ = [
    "MEASURES",
    "JudgedPair",
    "PairMethod",
    "PairSampler",
    "PairTask",
    "measured",
    "pearson",
    "spearman",
    "train_pairs",
]

# The trainer imports torch, which takes seconds.
__getattr__ = lazy_names(__name__, {"train": ("train_pairs",)})
