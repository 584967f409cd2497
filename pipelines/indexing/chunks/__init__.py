"""Builds and extends an index in chunks, which an executor has other processes write."""

from .builder import ChunkBuilder
from .driver import ChunkedDocuments, add_in_chunks, build_in_chunks
from .job import ChunkDone, ChunkExecutor, ChunkJob, SourceChunk

__all__ = [
    "ChunkBuilder",
    "ChunkDone",
    "ChunkExecutor",
    "ChunkJob",
    "ChunkedDocuments",
    "SourceChunk",
    "add_in_chunks",
    "build_in_chunks",
]
