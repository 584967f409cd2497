"""Trains extractive readers, from questions, passages and answers."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from .reading_example import ReadingExample

if TYPE_CHECKING:
    from .train import train_reader

__all__ = ["ReadingExample", "train_reader"]

# The trainer imports torch, which takes seconds.
__getattr__ = lazy_names(__name__, {"train": ("train_reader",)})
