"""Stage two: (query, passage) pairs to scores. Knows no index and no document."""

from .cross_encoder import DEFAULT_RERANKER, CrossEncoderReranker
from .reranker import IdentifiedReranker, Pair, Reranker, TokenPair, TokenReranker

__all__ = [
    "DEFAULT_RERANKER",
    "CrossEncoderReranker",
    "IdentifiedReranker",
    "Pair",
    "Reranker",
    "TokenPair",
    "TokenReranker",
]
