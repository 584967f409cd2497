"""Reads documents from users' files of every supported format, streamed and within limits."""

from .accounting import LeftOut, LeftOutKind, SourceReport
from .options import ColumnType
from .readers import DocumentReader, read_documents

__all__ = [
    "ColumnType",
    "DocumentReader",
    "LeftOut",
    "LeftOutKind",
    "SourceReport",
    "read_documents",
]
