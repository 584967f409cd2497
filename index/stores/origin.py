"""Origin: where an index that was opened by its URL comes from, and its copy on this machine."""

from contextlib import suppress
from pathlib import Path

import filelock

from ...errors import IndexReadOnly, ObjectStoreError
from ..files import Filesystem, writing
from ..manifest import MANIFEST_NAME
from .cache import COPY, FOLDER_VARIABLE, cache_folder, copy_folder, hold, make_room, most_bytes, remove_superseded
from .copying import copy_newest
from .object_store import ObjectStore, StoredObject
from .publications import newest_entry

WAIT_SECONDS = 3600.0
"""How long to wait for another process that copies the same index: it copies what is wanted here."""


class Origin:
    """A URL with an index, and the copy of it that this process uses.

    Args:
        url: A folder of a store, where an index was published.

    Raises:
        ArgumentError: It is not such a URL.
        MissingPackage: obstore is not installed.
        ObjectStoreError: The store, or a folder for the copy, cannot be had.
    """

    def __init__(self, url: str | ObjectStore) -> None:
        self._store = url if isinstance(url, ObjectStore) else ObjectStore(url)
        self._most_bytes = most_bytes()
        self._filesystem = Filesystem()
        self._held: filelock.BaseFileLock | None = None
        self._seen: StoredObject | None = None
        self.url = self._store.url
        self.folder: Path = copy_folder(self.url)

    def copy(self, *, thorough: bool = False) -> None:
        """Bring the copy to the newest publication.

        Args:
            thorough: Verify the checksums of the files that are there, not their sizes alone.

        Raises:
            IndexCorrupt: An object in the store is damaged or missing.
            IndexLocked: Another process copies, and does not end.
            IndexNotFound: Nothing is published at the URL.
            ObjectStoreError: The store does not answer, or the copy cannot be written.
        """
        try:
            self._filesystem.make_folder(self.folder)
        except OSError as error:
            raise ObjectStoreError(
                f"copies of published indexes cannot be written to {cache_folder()} ({error}): set "
                f"{FOLDER_VARIABLE} to a folder that can"
            ) from error
        manifest = self.folder / MANIFEST_NAME
        if self._seen is not None and not thorough and manifest.exists() and newest_entry(self._store) == self._seen:
            return
        with writing(self.folder, self._filesystem, patience=WAIT_SECONDS):
            seen = newest_entry(self._store)  # before it is read: what comes after it is seen the next time
            if self._held is None:
                self._held = hold(self.folder, self._filesystem)
            newest = copy_newest(self._store, self.folder, self._filesystem, thorough=thorough)
            remove_superseded(self.folder, newest, self._filesystem)
            self._filesystem.replace(self.folder / COPY, f"{self.url}\n".encode())  # first: it forbids changes
            if not manifest.exists() or manifest.read_bytes() != newest.content:
                self._filesystem.replace(manifest, newest.content)
        self._seen = seen
        make_room(self.folder, self._filesystem, most=self._most_bytes)


def require_no_copy(url: str | None) -> None:
    """Raise ``IndexReadOnly`` where an index is the copy of what is at a URL."""
    if url is not None:
        raise IndexReadOnly(
            f"{url} is read only: change the index that it was published from, and publish that (bicross "
            f"publish INDEX {url}); bicross fetch copies it to a folder where it can be changed"
        )


def origin_of(folder: Path) -> str | None:
    """Return the URL that a folder is the copy of; None where it is no copy."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return (folder / COPY).read_text("utf-8").strip()
    return None
