"""Indexing: splits, embeds, tokenises and analyses documents, and commits them to an index."""

from .begun import Begun
from .build import add_documents, build_index, delete_documents, upsert_documents
from .chunks import ChunkBuilder, ChunkDone, ChunkExecutor, ChunkJob, SourceChunk
from .columns import ColumnMakers, drop_token_vectors, expected_token_vector_bytes, index_terms, precompute, retokenize
from .sync import SyncFlags, SyncModels, SyncReport, sync_documents, sync_with

__all__ = [
    "Begun",
    "ChunkBuilder",
    "ChunkDone",
    "ChunkExecutor",
    "ChunkJob",
    "ColumnMakers",
    "SourceChunk",
    "SyncFlags",
    "SyncModels",
    "SyncReport",
    "add_documents",
    "build_index",
    "delete_documents",
    "drop_token_vectors",
    "expected_token_vector_bytes",
    "index_terms",
    "precompute",
    "retokenize",
    "sync_documents",
    "sync_with",
    "upsert_documents",
]
