"""One immutable segment: documents, ids, metadata, vectors, and what is kept for each passage."""

from .ids import IdEntry, content_hash, id_hash
from .metadata import (
    INT64_MAX,
    INT64_MIN,
    ROWS,
    TEXT_LISTS,
    TYPE_NAMES,
    UNFILTERABLE,
    MetadataColumns,
    common_type,
    several_types,
)
from .postings import PostingsTable, PostingsWriter, check_terms
from .quantisers import QUANTISERS, template, write_quantiser
from .segment import Segment, Verify
from .segment_writer import VECTORS, EmbeddedBatch, SegmentWriter, write_batch
from .token_ids import TokenIds, TokenWriter, check_tokens, type_of, widest
from .tombstones import TOMBSTONES, read_tombstones, write_tombstones

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "QUANTISERS",
    "ROWS",
    "TEXT_LISTS",
    "TOMBSTONES",
    "TYPE_NAMES",
    "UNFILTERABLE",
    "VECTORS",
    "EmbeddedBatch",
    "IdEntry",
    "MetadataColumns",
    "PostingsTable",
    "PostingsWriter",
    "Segment",
    "SegmentWriter",
    "TokenIds",
    "TokenWriter",
    "Verify",
    "check_terms",
    "check_tokens",
    "common_type",
    "content_hash",
    "id_hash",
    "read_tombstones",
    "several_types",
    "template",
    "type_of",
    "widest",
    "write_batch",
    "write_quantiser",
    "write_tombstones",
]
