"""Checks what the metadata of a file's document say of the file."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

from bicross.index import Document


def without_facts(document: Document, path: str | Path) -> Document:
    """The document without ``size`` and ``modified``, which must be those of the file at ``path``."""
    stat, metadata = Path(path).stat(), dict(document.metadata)
    assert metadata.pop("size") == stat.st_size
    assert metadata.pop("modified") == datetime.fromtimestamp(stat.st_mtime // 1, UTC).isoformat()
    return dataclasses.replace(document, metadata=metadata)
