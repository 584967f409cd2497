"""Finding duplicates: the texts, and the ways of finding near pairs among them."""

from .methods import METHODS, Outcome, all_pairs
from .texts import collect_texts, embed_texts

__all__ = ["METHODS", "Outcome", "all_pairs", "collect_texts", "embed_texts"]
