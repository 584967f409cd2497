"""What an index stores for each passage besides its vector: token ids, terms for BM25, token vectors."""

from .makers import ColumnMakers, makers_of, runs_as
from .postings import analyzer_for_new, analyzer_of_added, index_terms
from .precomputing import drop_token_vectors, expected_token_vector_bytes, fast_reranker_for_new, precompute
from .tokenising import retokenize, token_ids, tokenizer_for_new, tokenizer_name_of

__all__ = [
    "ColumnMakers",
    "analyzer_for_new",
    "analyzer_of_added",
    "drop_token_vectors",
    "expected_token_vector_bytes",
    "fast_reranker_for_new",
    "index_terms",
    "makers_of",
    "precompute",
    "retokenize",
    "runs_as",
    "token_ids",
    "tokenizer_for_new",
    "tokenizer_name_of",
]
