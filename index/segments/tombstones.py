"""Tombstones: which documents of a segment are deleted, one bit each, in a file for each generation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import IndexCorrupt
from ..files import Filesystem, NamedFile, read_verified, write_named
from ..manifest import SegmentEntry

TOMBSTONES = "tombstones"


def write_tombstones(filesystem: Filesystem, folder: Path, live: NDArray[np.bool_]) -> NamedFile:
    """Write a new file of deletions.

    On return the bytes of the file are on disk, but its name may not be.

    Args:
        filesystem: Writes the file.
        folder: The folder of the file.
        live: Which rows live, shape (documents,).
    """
    content = np.packbits(~live, bitorder="little").tobytes()
    return write_named(filesystem, folder, lambda file: file.write(content))


def read_tombstones(folder: Path, segment: SegmentEntry) -> NDArray[np.bool_] | None:
    """Read which documents of a segment live.

    Args:
        folder: The folder of the file.
        segment: What the manifest lists of the segment.

    Returns:
        Shape (documents,), True for a live document; None if all live.

    Raises:
        IndexCorrupt: The file is damaged, or does not fit what the manifest lists.
    """
    if segment.tombstones is None:
        if segment.deleted:
            raise IndexCorrupt(f"the manifest lists no tombstones for {segment.deleted} deletions in {segment.name}")
        return None
    path = folder / segment.tombstones.name
    bits = np.frombuffer(read_verified(path, segment.tombstones.entry), np.uint8)
    if len(bits) != (segment.documents + 7) // 8:
        raise IndexCorrupt(f"{path} has {len(bits)} bytes, which does not fit {segment.documents} documents")
    dead = np.unpackbits(bits, count=segment.documents, bitorder="little").view(np.bool_)
    if int(dead.sum()) != segment.deleted:
        raise IndexCorrupt(f"{path} marks {int(dead.sum())} documents as deleted; the manifest says {segment.deleted}")
    return ~dead
