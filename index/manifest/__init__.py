"""The manifest lists all that one generation of an index consists of. Replacing it is the commit."""

from .columns import COLUMN_NAMES, POSTINGS_NAMES, TOKEN_IDS_NAMES, TOKEN_VECTORS_NAMES, ColumnNames
from .manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    MOST_SEGMENTS,
    Canary,
    Manifest,
    SegmentEntry,
    VectorLayout,
)
from .model import ModelFingerprint
from .settings import checked_settings

__all__ = [
    "COLUMN_NAMES",
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "MOST_SEGMENTS",
    "POSTINGS_NAMES",
    "TOKEN_IDS_NAMES",
    "TOKEN_VECTORS_NAMES",
    "Canary",
    "ColumnNames",
    "Manifest",
    "ModelFingerprint",
    "SegmentEntry",
    "VectorLayout",
    "checked_settings",
]
