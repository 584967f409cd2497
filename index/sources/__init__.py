"""Reads documents from users' files of every supported format, streamed and within limits."""

from .accounting import BadRow, LeftOut, LeftOutKind, SourceReport, joined
from .given import DocumentsLike, given_documents
from .options import ColumnType, SourceOptions
from .parts import PartReader, SourcePart, part_size, parts_of, rows_part
from .places import SourceFile
from .readers import DocumentReader, read_documents

__all__ = [
    "BadRow",
    "ColumnType",
    "DocumentReader",
    "DocumentsLike",
    "LeftOut",
    "LeftOutKind",
    "PartReader",
    "SourceFile",
    "SourceOptions",
    "SourcePart",
    "SourceReport",
    "given_documents",
    "joined",
    "part_size",
    "parts_of",
    "read_documents",
    "rows_part",
]
