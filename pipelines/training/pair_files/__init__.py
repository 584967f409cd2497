"""Reads files of pairs of texts, labelled pairs or triples, in the forms in which they are published."""

from .judgments import Judgment, pair_judgments
from .rows import PAIR_FILES, is_pair_file
from .text_pairs import PairColumns, TextPair, kind_of_pairs, text_pairs

__all__ = [
    "PAIR_FILES",
    "Judgment",
    "PairColumns",
    "TextPair",
    "is_pair_file",
    "kind_of_pairs",
    "pair_judgments",
    "text_pairs",
]
