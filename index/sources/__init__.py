"""Reads documents from users' files of every supported format, streamed and within limits."""

from .accounting import LeftOut, LeftOutKind, SourceReport
from .given import DocumentsLike, given_documents
from .options import ColumnType
from .readers import DocumentReader, read_documents

__all__ = [
    "ColumnType",
    "DocumentReader",
    "DocumentsLike",
    "LeftOut",
    "LeftOutKind",
    "SourceReport",
    "given_documents",
    "read_documents",
]
