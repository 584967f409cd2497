"""Documents, passages, their vectors and token ids on disk. Knows no model and no network."""

from .bm25 import BM25
from .chunking import Chunking, sentence_spans, split_documents, whole
from .collection import Index
from .document import Document, Passage, passage_text
from .filters import Predicate
from .hits import Hit, PassageHit
from .info import IndexInfo
from .manifest import ModelFingerprint, VectorLayout
from .readers import DocumentReader, read_documents
from .segment import Verify
from .segment_writer import EmbeddedBatch
from .vector_choice import AUTO, TARGET_RECALL
from .verification import Verification
from .writer import IndexWriter

__all__ = [
    "AUTO",
    "BM25",
    "TARGET_RECALL",
    "Chunking",
    "Document",
    "DocumentReader",
    "EmbeddedBatch",
    "Hit",
    "Index",
    "IndexInfo",
    "IndexWriter",
    "ModelFingerprint",
    "Passage",
    "PassageHit",
    "Predicate",
    "VectorLayout",
    "Verification",
    "Verify",
    "passage_text",
    "read_documents",
    "sentence_spans",
    "split_documents",
    "whole",
]
