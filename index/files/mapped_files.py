"""MappedFile: the bytes of a file of a segment, which stay when the file is deleted.

A segment maps all of its files when it is opened, and looks into one when it is first needed. A reader goes on with
its generation after a compaction has deleted the files, so it must hold them from the beginning: as maps, because a
process may have far more of these than open files.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import pyarrow as pa
import xxhash

from ...errors import IndexCorrupt
from .checksums import BLOCK_BYTES, verify_content, verify_size
from .entries import FileEntry
from .memory import raise_if_out_of_memory

READ_BYTES = 4096
"""A file of one page at most is read: that takes no more memory than a map, and a third of the time."""


@dataclass(frozen=True, slots=True, eq=False)
class MappedFile:
    """A file and its bytes, as a buffer of Arrow's; as a text it is its path."""

    path: Path | str
    content: Any

    def __str__(self) -> str:
        return str(self.path)


File: TypeAlias = Path | MappedFile
"""A file, mapped or not yet."""


def map_file(path: Path | str) -> MappedFile:
    """Map a file, or read it if it is small.

    Raises:
        IndexCorrupt: It is missing.
        MemoryError: It cannot be mapped because memory is exhausted, or the process has too many maps.
    """
    try:
        if (content := _small_content(path)) is not None:
            return MappedFile(path, cast(Any, pa).py_buffer(content))
        with pa.memory_map(str(path)) as source:
            return MappedFile(path, source.read_buffer())  # it holds the map, not the open file
    except (FileNotFoundError, NotADirectoryError):
        raise IndexCorrupt(f"{path} is missing, though the manifest lists it") from None
    except (pa.ArrowException, OSError) as error:
        raise_if_out_of_memory(error)
        raise


def _small_content(path: Path | str) -> bytes | None:
    """Return the bytes of a file; None if it has more than ``READ_BYTES``."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        content = os.read(descriptor, READ_BYTES + 1)
    finally:
        os.close(descriptor)
    return content if len(content) <= READ_BYTES else None


def map_verified(path: Path | str, entry: FileEntry | None, *, thorough: bool) -> MappedFile:
    """Map a file that a manifest lists.

    Args:
        path: The file.
        entry: What the manifest lists; None where it does not list the file.
        thorough: Check its checksum, and not its size alone.

    Raises:
        IndexCorrupt: The file is not listed, is missing, or has another size, or with ``thorough`` other bytes.
        MemoryError: As for ``map_file``.
    """
    verify_size(path, entry)
    assert entry is not None
    if thorough and entry.bytes > BLOCK_BYTES:
        verify_content(Path(path), entry)  # to read a large file is faster than to touch each page of a map
    file = map_file(path)
    if file.content.size != entry.bytes:
        raise IndexCorrupt(f"{path} is damaged: it has {file.content.size} bytes, the manifest says {entry.bytes}")
    if thorough and entry.bytes <= BLOCK_BYTES and xxhash.xxh3_128_hexdigest(file.content) != entry.xxh3:
        raise IndexCorrupt(f"{path} is damaged: its checksum is not the one in the manifest")
    return file
