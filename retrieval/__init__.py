"""The first stage: turns queries into vectors or terms, and finds candidates with them."""

from .bi_encoder import DEFAULT_ENCODER, BiEncoder
from .early_layers import EarlyLayerEncoder, EarlyLayers, EarlyPooling, write_early_layers
from .encoder import Encoder
from .fusion import Fusion, NormalisedSum, ReciprocalRank
from .hybrid import HybridRetriever, fused
from .lexical import ANALYZER, LexicalRetriever, analyse, require_analyzer
from .parallel import ParallelEncoder
from .retriever import (
    DenseRetriever,
    Explorer,
    ExploringRetriever,
    IndexRetriever,
    PinnableRetriever,
    Retriever,
    TokenRetriever,
    can_explore,
    has_index,
    has_token_ids,
    pinned,
)

__all__ = [
    "ANALYZER",
    "DEFAULT_ENCODER",
    "BiEncoder",
    "DenseRetriever",
    "EarlyLayerEncoder",
    "EarlyLayers",
    "EarlyPooling",
    "Encoder",
    "Explorer",
    "ExploringRetriever",
    "Fusion",
    "HybridRetriever",
    "IndexRetriever",
    "LexicalRetriever",
    "NormalisedSum",
    "ParallelEncoder",
    "PinnableRetriever",
    "ReciprocalRank",
    "Retriever",
    "TokenRetriever",
    "analyse",
    "can_explore",
    "fused",
    "has_index",
    "has_token_ids",
    "pinned",
    "require_analyzer",
    "write_early_layers",
]
