"""Documents, passages and vectors on disk. Knows no model and no network."""

from .chunking import Chunking, split_documents, whole
from .collection import Hit, Index, IndexInfo
from .document import Document, Passage, passage_text
from .manifest import ModelFingerprint
from .readers import DocumentReader, read_documents
from .segment import EmbeddedBatch

__all__ = [
    "Chunking",
    "Document",
    "DocumentReader",
    "EmbeddedBatch",
    "Hit",
    "Index",
    "IndexInfo",
    "ModelFingerprint",
    "Passage",
    "passage_text",
    "read_documents",
    "split_documents",
    "whole",
]
