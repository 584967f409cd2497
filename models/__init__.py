"""What the project trained itself, as package data, each model with its card; and the default models."""

DEFAULT_RERANKER = "bicross-rerank-mini"
"""The reranker of a search where no other is named."""
FAST_RERANKER = "bicross-rerank-mini-fast"
"""The late-interaction reranker of a search where no other is named."""
DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
"""The encoder of an index, and of similarity, where no other is named: the base of the bundled adapters."""
DEFAULT_READER = "bicross-reader-mini"
"""The reader of answers where no other is named."""

__all__ = ["DEFAULT_ENCODER", "DEFAULT_READER", "DEFAULT_RERANKER", "FAST_RERANKER"]
