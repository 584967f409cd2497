"""The manifest: what a generation of an index consists of. Replacing it is the commit."""

from .manifest import (
    MANIFEST_NAME,
    POSTINGS_FILE,
    TOKEN_IDS_FILE,
    Canary,
    Manifest,
    ModelFingerprint,
    SegmentEntry,
    VectorLayout,
    check_analyzer,
    check_fingerprint,
)
from .settings import checked_settings

__all__ = [
    "MANIFEST_NAME",
    "POSTINGS_FILE",
    "TOKEN_IDS_FILE",
    "Canary",
    "Manifest",
    "ModelFingerprint",
    "SegmentEntry",
    "VectorLayout",
    "check_analyzer",
    "check_fingerprint",
    "checked_settings",
]
