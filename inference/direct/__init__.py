"""Opens models without transformers and sentence-transformers. Importing this package imports torch."""

from .models import DirectModel
from .opening import direct_encoder, direct_reranker, read_tokenizer

__all__ = ["DirectModel", "direct_encoder", "direct_reranker", "read_tokenizer"]
