"""Files with checksums: hashed while they are written, verified before any parser sees a byte."""

import io
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


class CheckedFile(io.RawIOBase):
    """Counts and hashes what is written through it. Closing it leaves the file to whoever opened that."""

    def __init__(self, file: NewFile) -> None:
        super().__init__()
        self._file = file
        self._hash = xxhash.xxh3_128()
        self._bytes = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: "ReadableBuffer", /) -> int:
        """Append all of ``content``; a disk that does not take it is an ``OSError``."""
        view = memoryview(content).cast("B")
        self._file.write(view)
        self._hash.update(view)
        self._bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """Bytes written so far."""
        return self._bytes

    def entry(self) -> FileEntry:
        """Size and checksum of what was written so far."""
        return FileEntry(self._bytes, self._hash.hexdigest())


@contextmanager
def create_checked(filesystem: Filesystem, path: Path) -> Generator[CheckedFile]:
    """Create a file; ask for its ``entry`` inside the block, or after it."""
    with filesystem.create(path) as file:
        yield CheckedFile(file)


def write_named(filesystem: Filesystem, folder: Path, write: Callable[[CheckedFile], object]) -> NamedFile:
    """Let ``write`` fill a new file with a name of its own in ``folder``; on disk on return, but for its name."""
    name = uuid.uuid4().hex
    with create_checked(filesystem, folder / name) as file:
        write(file)
        entry = file.entry()
    return NamedFile(name, entry.bytes, entry.xxh3)


def verify_size(path: Path, entry: FileEntry | None) -> None:
    """Raise ``IndexCorrupt`` unless ``path`` is a file of the size that the manifest says."""
    if entry is None:
        raise IndexCorrupt(f"the manifest lists no {path.name} for {path.parent.name}")
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise IndexCorrupt(f"{path} is missing, though the manifest lists it") from None
    if not path.is_file():
        raise IndexCorrupt(f"{path} is not a file")
    if size != entry.bytes:
        raise IndexCorrupt(f"{path} is damaged: it has {size} bytes, the manifest says {entry.bytes}")


def verify_content(path: Path, entry: FileEntry | None) -> None:
    """Raise ``IndexCorrupt`` unless ``path`` holds the very bytes that the manifest says."""
    for _ in _verified_blocks(path, entry):
        pass


def read_verified(path: Path, entry: FileEntry) -> bytes:
    """The content of a small file; ``IndexCorrupt`` unless it is the very bytes that the manifest says."""
    return b"".join(_verified_blocks(path, entry))


def copy_verified(filesystem: Filesystem, source: Path, target: Path, entry: FileEntry) -> None:
    """Copy a file; ``IndexCorrupt`` unless it is the very bytes that the manifest says. On disk on return."""
    with filesystem.create(target) as file:
        for block in _verified_blocks(source, entry):
            file.write(block)


def _verified_blocks(path: Path, entry: FileEntry | None) -> Iterator[bytes]:
    """What a file holds; only at the end is it known that this is right."""
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
