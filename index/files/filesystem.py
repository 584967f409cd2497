"""Filesystem: every write to the disk for an index.

A method checks what it wrote, and returns when that is on disk, so that the caller may commit. Each call of the
operating system is a method of its own: a test replaces one to make it fail, to record it, or to kill the process.
"""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

BUFFER_BYTES = 1 << 20


class Filesystem:
    """Writes to the disk through the operating system."""

    # The operations of the system, one call each.

    def mkdir(self, path: Path) -> None:
        """Create one folder; it must not exist."""
        path.mkdir()

    def open_new(self, path: Path) -> int:
        """Create a file for writing and return its descriptor; the file must not exist."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        return os.open(path, flags, 0o666)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write as many bytes as the system takes, and return their number."""
        return os.write(descriptor, content)

    def fsync(self, descriptor: int) -> None:
        """Bring the bytes of a file to disk."""
        os.fsync(descriptor)

    def fsync_folder(self, path: Path) -> None:
        """Bring the names in a folder to disk."""
        if os.name == "nt":
            return  # Windows has no such call and needs none
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Replace ``target`` by ``source`` in one step."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; ``target`` must not exist."""
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def rmdir(self, path: Path) -> None:
        """Delete an empty folder."""
        path.rmdir()

    # What the index does with them.

    def make_folder(self, path: Path) -> None:
        """Create a folder and its missing parents. An existing folder is left as it is.

        On return the new names are on disk.
        """
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            with suppress(FileExistsError):
                self.mkdir(folder)
            self.fsync_folder(folder.parent)

    @contextmanager
    def create(self, path: Path) -> Generator["NewFile"]:
        """Open a new file for writing.

        After the block the bytes of the file are on disk, but its name may not be.

        Raises:
            FileExistsError: The file exists.
        """
        descriptor = self.open_new(path)
        try:
            file = NewFile(self, descriptor)
            yield file
            file.flush()
            self.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, path: Path, content: bytes) -> None:
        """Write ``content`` to ``path`` in one step: after a crash the file has the old bytes or the new ones."""
        temporary = path.with_name(f"{path.name}.tmp")
        self.remove_file(temporary)  # left by a writer that died
        with self.create(temporary) as file:
            file.write(content)
        self.rename(temporary, path)
        self.fsync_folder(path.parent)

    def move(self, source: Path, target: Path) -> None:
        """Give a file or a folder another name in its folder. On return that is on disk.

        Raises:
            OSError: The target is a folder with something in it.
        """
        self.rename(source, target)
        self.fsync_folder(target.parent)

    def note(self, path: Path, text: str) -> None:
        """Write a text into an existing file, for people only: errors are ignored, and nothing waits for the disk."""
        with suppress(OSError):
            path.write_text(text, "utf-8")

    def remove_file(self, path: Path) -> None:
        """Delete a file. A missing file is not an error."""
        with suppress(FileNotFoundError):
            self.unlink(path)

    def remove_folder(self, path: Path) -> None:
        """Delete a folder with its content. A missing folder is not an error."""
        if path.is_symlink() or not path.is_dir():
            self.remove_file(path)
            return
        for entry in path.iterdir():
            self.remove_folder(entry)
        self.rmdir(path)


class NewFile:
    """A file being written through a buffer. Every byte is written, or there is an ``OSError``."""

    def __init__(self, filesystem: Filesystem, descriptor: int) -> None:
        self._filesystem = filesystem
        self._descriptor = descriptor
        self._buffer = bytearray()

    def write(self, content: bytes | memoryview) -> None:
        """Append ``content``."""
        if len(self._buffer) + memoryview(content).nbytes <= BUFFER_BYTES:
            self._buffer += content
            return
        self.flush()
        self._write_all(memoryview(content).cast("B"))

    def flush(self) -> None:
        """Pass the buffered bytes to the system."""
        self._write_all(memoryview(self._buffer))
        self._buffer = bytearray()

    def _write_all(self, content: memoryview) -> None:
        while content:
            # The system may write fewer bytes than it is given; it returns their number.
            written = self._filesystem.write(self._descriptor, content)
            if written <= 0:
                raise OSError(errno.ENOSPC, "the disk takes no more")
            content = content[written:]
