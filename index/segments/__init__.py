"""Segments: immutable folders of documents, ids, metadata, vectors and stored columns."""

from .columns import (
    COLUMNS,
    POSTINGS,
    TOKEN_IDS,
    TOKEN_VECTORS,
    ColumnWriter,
    Kind,
    PassageColumn,
    check_columns_of,
    kinds_of,
)
from .embedded_batch import EmbeddedBatch
from .fields import SegmentFields
from .ids import IdEntry, content_hash, id_hash
from .metadata import ROWS, TEXT_LISTS, UNFILTERABLE, MetadataColumns
from .postings import PostingsTable, PostingsWriter, TermCounts
from .quantisers import QUANTISERS, template, write_quantiser
from .segment import Segment, Verify
from .segment_writer import VECTORS, SegmentWriter
from .token_ids import TokenIds
from .token_vectors import TokenVectors
from .tombstones import TOMBSTONES, read_tombstones, write_tombstones

__all__ = [
    "COLUMNS",
    "POSTINGS",
    "QUANTISERS",
    "ROWS",
    "TEXT_LISTS",
    "TOKEN_IDS",
    "TOKEN_VECTORS",
    "TOMBSTONES",
    "UNFILTERABLE",
    "VECTORS",
    "ColumnWriter",
    "EmbeddedBatch",
    "IdEntry",
    "Kind",
    "MetadataColumns",
    "PassageColumn",
    "PostingsTable",
    "PostingsWriter",
    "Segment",
    "SegmentFields",
    "SegmentWriter",
    "TermCounts",
    "TokenIds",
    "TokenVectors",
    "Verify",
    "check_columns_of",
    "content_hash",
    "id_hash",
    "kinds_of",
    "read_tombstones",
    "template",
    "write_quantiser",
    "write_tombstones",
]
