"""Opens the newest generation of an index."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import IndexCorrupt
from .reading import Snapshot, View
from .segments import Verify
from .writing import read_manifest, require_few_segments


def open_newest(path: Path, *, verify: Verify, open_views: Sequence[View]) -> Snapshot:
    """Open the newest generation, even if a writer replaces it meanwhile and deletes its files.

    Args:
        path: The folder of the index.
        verify: How files are checked.
        open_views: Open segments, which are used again instead of being opened.

    Raises:
        IndexNotFound: There is no index at ``path``.
        IndexCorrupt: A file is missing or damaged.
    """
    while True:
        manifest = read_manifest(path)
        require_few_segments(path, len(manifest.segments))
        try:
            return Snapshot.open(path, manifest, verify=verify, opened_views=open_views)
        except IndexCorrupt:
            if read_manifest(path) == manifest:
                raise
