"""The index: documents, passages, vectors, token ids and postings in a folder that survives a crash."""

from .chunking import Chunking, sentence_spans, split_documents, whole
from .collection import Index
from .coverage import Coverage
from .document import Document, Passage, passage_text
from .filters import FieldInfo, Predicate, join_conditions
from .info import IndexInfo
from .manifest import ModelFingerprint, VectorLayout
from .reading import BM25, Comparison, Difference, Hit, PassageHit, StageScore
from .segments import EmbeddedBatch, TokenVectors, Verify
from .shards import ShardedIndex
from .sources import (
    ColumnType,
    DocumentReader,
    DocumentsLike,
    LeftOut,
    LeftOutKind,
    SourceReport,
    given_documents,
    read_documents,
)
from .stores import Published, fetch, publish
from .vectors import AUTO, TARGET_RECALL
from .writing import IndexWriter, Verification

__all__ = [
    "AUTO",
    "BM25",
    "TARGET_RECALL",
    "Chunking",
    "ColumnType",
    "Comparison",
    "Coverage",
    "Difference",
    "Document",
    "DocumentReader",
    "DocumentsLike",
    "EmbeddedBatch",
    "FieldInfo",
    "Hit",
    "Index",
    "IndexInfo",
    "IndexWriter",
    "LeftOut",
    "LeftOutKind",
    "ModelFingerprint",
    "Passage",
    "PassageHit",
    "Predicate",
    "Published",
    "ShardedIndex",
    "SourceReport",
    "StageScore",
    "TokenVectors",
    "VectorLayout",
    "Verification",
    "Verify",
    "fetch",
    "given_documents",
    "join_conditions",
    "passage_text",
    "publish",
    "read_documents",
    "sentence_spans",
    "split_documents",
    "whole",
]
