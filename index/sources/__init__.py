"""Reads documents from users' files of every supported format, streamed and within limits."""

from .readers import DocumentReader, read_documents

__all__ = [
    "DocumentReader",
    "read_documents",
]
