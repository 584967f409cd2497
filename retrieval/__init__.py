"""The first stage: turns queries into vectors or terms, and finds candidates with them."""

from ..models import DEFAULT_ENCODER
from .analyzers import ANALYZER, ANALYZERS, LANGUAGES, Analyzer, analyse, analyzer_named, analyzer_of
from .bi_encoder import BiEncoder
from .early_layers import EarlyLayerEncoder, EarlyLayers, EarlyPooling, write_early_layers
from .encoder import Encoder
from .feedback import Feedback, feedback_scores
from .fusion import Fusion, NormalisedSum, ReciprocalRank, TermShare, fusion_of_query
from .hybrid import HybridRetriever, fused
from .lexical import LexicalRetriever
from .parallel import ParallelEncoder
from .remote import REMOTE_POOLING, RemoteEncoder
from .retriever import (
    CandidateExploringRetriever,
    DenseRetriever,
    Explorer,
    ExploringRetriever,
    IndexRetriever,
    PinnableRetriever,
    Retriever,
    TokenRetriever,
    can_explore,
    can_explore_candidates,
    has_index,
    has_token_ids,
    pinned,
)

__all__ = [
    "ANALYZER",
    "ANALYZERS",
    "DEFAULT_ENCODER",
    "LANGUAGES",
    "REMOTE_POOLING",
    "Analyzer",
    "BiEncoder",
    "CandidateExploringRetriever",
    "DenseRetriever",
    "EarlyLayerEncoder",
    "EarlyLayers",
    "EarlyPooling",
    "Encoder",
    "Explorer",
    "ExploringRetriever",
    "Feedback",
    "Fusion",
    "HybridRetriever",
    "IndexRetriever",
    "LexicalRetriever",
    "NormalisedSum",
    "ParallelEncoder",
    "PinnableRetriever",
    "ReciprocalRank",
    "RemoteEncoder",
    "Retriever",
    "TermShare",
    "TokenRetriever",
    "analyse",
    "analyzer_named",
    "analyzer_of",
    "can_explore",
    "can_explore_candidates",
    "feedback_scores",
    "fused",
    "fusion_of_query",
    "has_index",
    "has_token_ids",
    "pinned",
    "write_early_layers",
]
