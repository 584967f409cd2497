"""What an index stores for each passage besides vectors: token ids for a reranker, terms for BM25."""

from .postings import analyzer_for_new, analyzer_of_added, index_terms
from .tokenising import retokenize, token_ids, tokenizer_for_new, tokenizer_name_of, tokenizer_of

__all__ = [
    "analyzer_for_new",
    "analyzer_of_added",
    "index_terms",
    "retokenize",
    "token_ids",
    "tokenizer_for_new",
    "tokenizer_name_of",
    "tokenizer_of",
]
