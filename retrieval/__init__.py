"""Stage one: text to vectors to candidates. Knows the index, and nothing of reranking."""

from .bi_encoder import DEFAULT_ENCODER, BiEncoder
from .encoder import Encoder
from .hybrid import HybridRetriever
from .lexical import LexicalRetriever
from .parallel import ParallelEncoder
from .retriever import DenseRetriever, Retriever, TokenRetriever

__all__ = [
    "DEFAULT_ENCODER",
    "BiEncoder",
    "DenseRetriever",
    "Encoder",
    "HybridRetriever",
    "LexicalRetriever",
    "ParallelEncoder",
    "Retriever",
    "TokenRetriever",
]
