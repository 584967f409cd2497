"""Extractive readers: where in a passage the answer to a question begins and ends. They know texts, no documents."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from .reader import ExtractiveReader
from .span import MAX_ANSWER_TOKENS, Reader, Span

if TYPE_CHECKING:
    from .models import LoadedReader

__all__ = ["MAX_ANSWER_TOKENS", "ExtractiveReader", "LoadedReader", "Reader", "Span"]

# It imports torch, which takes seconds.
__getattr__ = lazy_names(__name__, {"models": ("LoadedReader",)})
