"""Reads the judgments of a file of pairs, labelled pairs or triples, in the forms in which they are published."""

from .judgments import Judgment, pair_judgments
from .rows import PAIR_FILES, is_pair_file

__all__ = [
    "PAIR_FILES",
    "Judgment",
    "is_pair_file",
    "pair_judgments",
]
