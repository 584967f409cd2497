"""Documents from the files that users have: every format, streamed, within limits of bytes and rows."""

from .readers import DocumentReader, read_documents

__all__ = [
    "DocumentReader",
    "read_documents",
]
