"""Copies a published index to a folder, where it is an index like any other."""

from pathlib import Path

from ...errors.arguments import checked_path
from ..files import Filesystem, writing
from ..manifest import MANIFEST_NAME
from ..writing import prepare_folders, require_free
from .copying import copy_newest
from .history import note
from .object_store import ObjectStore


def fetch(url: str | ObjectStore, path: str | Path) -> int:
    """Copy the newest generation of a published index to a new folder, where it can be changed and published again.

    Every file is verified. What was copied before an error is used by the next try.

    Args:
        url: Where the index was published, such as "s3://bucket/folder".
        path: The folder of the copy.

    Returns:
        The number of the generation.

    Raises:
        ArgumentError: It is not the URL of a store, or no folder can be made at ``path``.
        IndexCorrupt: An object in the store is damaged or missing.
        IndexExists: Something else is at ``path``.
        IndexNotFound: Nothing is published at the URL.
        ObjectStoreError: The store does not answer, or does not let the caller in.

    Example:
        >>> fetch("s3://bucket/my-index", "my-index")
    """
    folder = checked_path(path)
    store = url if isinstance(url, ObjectStore) else ObjectStore(url)
    require_free(folder, overwrite=False, resume=False)
    filesystem = Filesystem()
    prepare_folders(folder, filesystem)
    with writing(folder, filesystem):
        require_free(folder, overwrite=False, resume=False)
        newest = copy_newest(store, folder, filesystem, thorough=True)
        note(folder, newest, filesystem)
        filesystem.replace(folder / MANIFEST_NAME, newest.content)
    return newest.generation
