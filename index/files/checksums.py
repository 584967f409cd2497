"""Files with checksums: hashed while they are written, verified before a parser sees a byte."""

import errno
import io
import os
import stat
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from ...errors import IndexCorrupt
from .entries import FileEntry, NamedFile
from .filesystem import Filesystem, NewFile

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

BLOCK_BYTES = 1 << 22
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""What a file system says that has no second names, or no more of them."""


class CheckedFile(io.RawIOBase):
    """A writable file that counts and hashes its bytes. Closing it does not close the file below."""

    def __init__(self, file: NewFile) -> None:
        super().__init__()
        self._file = file
        self._hash = xxhash.xxh3_128()
        self._bytes = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: "ReadableBuffer", /) -> int:
        """Append all of ``content`` and return its size in bytes.

        Raises:
            OSError: The disk does not take it.
        """
        view = memoryview(content).cast("B")
        self._file.write(view)
        self._hash.update(view)
        self._bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._bytes

    def entry(self) -> FileEntry:
        """Return the size and the checksum of what was written so far."""
        return FileEntry(self._bytes, self._hash.hexdigest())


@contextmanager
def create_checked(filesystem: Filesystem, path: Path) -> Generator[CheckedFile]:
    """Create a file. Its ``entry`` can be read inside the block and after it."""
    with filesystem.create(path) as file:
        yield CheckedFile(file)


def write_named(filesystem: Filesystem, folder: Path, write: Callable[[CheckedFile], object]) -> NamedFile:
    """Write a new file under a random name.

    On return the bytes of the file are on disk, but its name may not be.

    Args:
        filesystem: Writes the file.
        folder: The folder of the file.
        write: Writes the content.

    Returns:
        The name, size and checksum of the file.
    """
    name = uuid.uuid4().hex
    with create_checked(filesystem, folder / name) as file:
        write(file)
        entry = file.entry()
    return NamedFile(name, entry.bytes, entry.xxh3)


def verify_size(path: Path | str, entry: FileEntry | None) -> None:
    """Check that a file has the size that the manifest lists.

    Args:
        path: The file.
        entry: What the manifest lists; None where it does not list the file.

    Raises:
        IndexCorrupt: The file is not listed, is missing, or has another size.
    """
    if entry is None:
        raise IndexCorrupt(f"the manifest lists no {Path(path).name} for {Path(path).parent.name}")
    try:
        status = os.stat(path)  # noqa: PTH116 - for the files of a thousand segments Path.stat takes twice as long
    except (FileNotFoundError, NotADirectoryError):
        raise IndexCorrupt(f"{path} is missing, though the manifest lists it") from None
    if not stat.S_ISREG(status.st_mode):
        raise IndexCorrupt(f"{path} is not a file")
    if status.st_size != entry.bytes:
        raise IndexCorrupt(f"{path} is damaged: it has {status.st_size} bytes, the manifest says {entry.bytes}")


def verify_content(path: Path, entry: FileEntry | None) -> None:
    """Check the size and the checksum of a file.

    Args:
        path: The file.
        entry: What the manifest lists; None where it does not list the file.

    Raises:
        IndexCorrupt: The file is not listed, is missing, or has other bytes.
    """
    for _ in _verified_blocks(path, entry):
        pass


def read_verified(path: Path, entry: FileEntry) -> bytes:
    """Return the content of a small file.

    Raises:
        IndexCorrupt: The file is missing, or its size or checksum is not that of ``entry``.
    """
    return b"".join(_verified_blocks(path, entry))


def copy_verified(filesystem: Filesystem, source: Path, target: Path, entry: FileEntry) -> None:
    """Copy a file and check it on the way. On return the bytes of the copy are on disk.

    Raises:
        IndexCorrupt: The file is missing, or its size or checksum is not that of ``entry``.
    """
    with filesystem.create(target) as file:
        for block in _verified_blocks(source, entry):
            file.write(block)


def link_or_copy(filesystem: Filesystem, source: Path, target: Path, entry: FileEntry) -> None:
    """Give a file, whose bytes are on disk and verified, a second name; where the disk has no links, copy it.

    Raises:
        IndexCorrupt: As for ``copy_verified``.
    """
    try:
        filesystem.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        copy_verified(filesystem, source, target, entry)


def _verified_blocks(path: Path, entry: FileEntry | None) -> Iterator[bytes]:
    """Yield the content of a file in blocks. Only after the last block is it certain that they are right."""
    verify_size(path, entry)
    digest = xxhash.xxh3_128()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                yield block
    except FileNotFoundError:
        raise IndexCorrupt(f"{path} is missing, though the manifest lists it") from None
    if entry is not None and digest.hexdigest() != entry.xxh3:
        raise IndexCorrupt(f"{path} is damaged: its checksum is not the one in the manifest")
