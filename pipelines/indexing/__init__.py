"""Documents to a committed index: splitting, embedding, token ids, terms."""

from .build import add_documents, build_index, delete_documents, upsert_documents
from .postings import keep_terms
from .token_ids import retokenize

__all__ = [
    "add_documents",
    "build_index",
    "delete_documents",
    "keep_terms",
    "retokenize",
    "upsert_documents",
]
