"""One generation, opened for searching: dense, lexical (BM25) and hybrid."""

from .bm25 import BM25
from .comparison import Comparison, Difference
from .document_vectors import embedded_documents, neighbours, passages_of, vectors_of
from .hits import Hit, PassageHit, StageScore, best_hits, with_other_passages
from .hybrid import search_both, term_scores
from .snapshot import SEGMENTS, Snapshot, View
from .term_search import search_terms

__all__ = [
    "BM25",
    "SEGMENTS",
    "Comparison",
    "Difference",
    "Hit",
    "PassageHit",
    "Snapshot",
    "StageScore",
    "View",
    "best_hits",
    "embedded_documents",
    "neighbours",
    "passages_of",
    "search_both",
    "search_terms",
    "term_scores",
    "vectors_of",
    "with_other_passages",
]
