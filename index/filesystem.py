"""The only code of an index that writes. Knows bytes, files and folders, and nothing of what is in them.

Every write is checked and reaches the disk before its method returns, so that a caller who then commits may rely on it.
An instance can be replaced by one that fails or records, which is how the tests reach every single call.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class Filesystem:
    """The real one."""

    def make_folder(self, path: Path) -> None:
        """Create ``path`` and its missing parents; an existing folder is fine. The new names are on disk on return."""
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            self.sync_folder(folder.parent)

    @contextmanager
    def create(self, path: Path) -> Generator[BinaryIO]:
        """Open a new file for writing; it must not exist. On a clean exit its bytes are on disk."""
        with path.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def replace(self, path: Path, content: bytes) -> None:
        """Put ``content`` at ``path`` in one step: a reader sees the old bytes or the new ones, also after a crash."""
        temporary = path.with_name(f"{path.name}.tmp")
        temporary.unlink(missing_ok=True)  # left by a writer that died
        with self.create(temporary) as file:
            file.write(content)
        temporary.replace(path)
        self.sync_folder(path.parent)

    def sync_folder(self, path: Path) -> None:
        """Bring the names in a folder to disk. Windows has no such call and needs none."""
        if os.name == "nt":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove_folder(self, path: Path) -> None:
        """Delete a folder and what is in it; a missing one is fine."""
        shutil.rmtree(path, ignore_errors=True)
