"""One generation, opened for searching: dense, lexical (BM25) and hybrid."""

from .best_rows import BestRows, merged
from .bm25 import BM25, TermStatistics
from .comparison import Comparison, Difference, has_text_of
from .document_vectors import embedded_documents, for_query, neighbours, passages_of, vectors_of
from .hits import Candidate, Hit, PassageHit, StageScore, best_hits, candidates, hits, with_other_passages
from .hybrid import dense_scores, search_both, term_scores
from .nearest import nearest_rows
from .snapshot import SEGMENTS, Snapshot, check_k, check_query_vectors
from .term_search import LexicalSearch, check_queries, check_terms_are_kept, search_terms
from .view import View

__all__ = [
    "BM25",
    "SEGMENTS",
    "BestRows",
    "Candidate",
    "Comparison",
    "Difference",
    "Hit",
    "LexicalSearch",
    "PassageHit",
    "Snapshot",
    "StageScore",
    "TermStatistics",
    "View",
    "best_hits",
    "candidates",
    "check_k",
    "check_queries",
    "check_query_vectors",
    "check_terms_are_kept",
    "dense_scores",
    "embedded_documents",
    "for_query",
    "has_text_of",
    "hits",
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
