"""One generation, opened for searching: dense, lexical (BM25) and hybrid."""

from .best_rows import BestRows, merged
from .bm25 import BM25
from .comparison import Comparison, Difference, has_text_of
from .document_vectors import embedded_documents, neighbours, passages_of, vectors_of
from .hits import Hit, PassageHit, StageScore, best_hits, candidates, with_other_passages
from .hybrid import search_both, term_scores
from .nearest import nearest_rows
from .snapshot import SEGMENTS, Snapshot
from .term_search import search_terms
from .view import View

__all__ = [
    "BM25",
    "SEGMENTS",
    "BestRows",
    "Comparison",
    "Difference",
    "Hit",
    "PassageHit",
    "Snapshot",
    "StageScore",
    "View",
    "best_hits",
    "candidates",
    "embedded_documents",
    "has_text_of",
    "merged",
    "nearest_rows",
    "neighbours",
    "passages_of",
    "search_both",
    "search_terms",
    "term_scores",
    "vectors_of",
    "with_other_passages",
]
