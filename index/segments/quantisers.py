"""Reads and writes the trained quantiser that all segments of an index share."""

from pathlib import Path

from ..files import Filesystem, NamedFile, verify_content, write_named
from ..manifest import Manifest
from ..vectors import VectorIndex

QUANTISERS = "quantisers"


def template(path: Path, manifest: Manifest) -> VectorIndex:
    """What a segment's vectors go into, without rows. Raises ``IndexCorrupt``."""
    quantiser = manifest.vectors.quantiser
    if quantiser is None:
        return VectorIndex(manifest.model.dimension)
    file = path / QUANTISERS / quantiser.name
    verify_content(file, quantiser.entry)
    return VectorIndex.read(file, dimension=manifest.model.dimension, rows=0, factory=manifest.vectors.factory)


def write_quantiser(filesystem: Filesystem, folder: Path, empty: VectorIndex) -> NamedFile:
    """Store an index without rows in a new file; on disk on return, but for its name."""
    return write_named(filesystem, folder, lambda file: empty.write(file.write))
