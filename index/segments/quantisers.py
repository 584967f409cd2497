"""Reads and writes the trained quantiser that all segments of an index share."""

from pathlib import Path

from ..files import Filesystem, NamedFile, verify_content, write_named
from ..manifest import Manifest
from ..vectors import VectorIndex

QUANTISERS = "quantisers"


def template(path: Path, manifest: Manifest) -> VectorIndex:
    """Return an index without rows in the layout of an index's vectors.

    Args:
        path: The folder of the index.
        manifest: The generation.

    Raises:
        IndexCorrupt: The quantiser of the index is missing or damaged.
    """
    quantiser = manifest.vectors.quantiser
    if quantiser is None:
        return VectorIndex(manifest.model.dimension)
    file = path / QUANTISERS / quantiser.name
    verify_content(file, quantiser.entry)
    return VectorIndex.read(file, dimension=manifest.model.dimension, rows=0, factory=manifest.vectors.factory)


def write_quantiser(filesystem: Filesystem, folder: Path, empty: VectorIndex) -> NamedFile:
    """Store an index without rows in a new file.

    On return the bytes of the file are on disk, but its name may not be.
    """
    return write_named(filesystem, folder, lambda file: empty.write(file.write))
