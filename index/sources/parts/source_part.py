"""SourcePart: some neighbouring files of a source, or a part of the rows of one file."""

from dataclasses import dataclass
from pathlib import Path

import xxhash

from ..places import NotRead, SourceFile


@dataclass(frozen=True, slots=True)
class SourcePart:
    """A part of a source. It can be sent to another process, which must see the same files at the same paths.

    Attributes:
        shown: How messages name it.
        source: How messages name the source.
        is_folder: Whether the source is a folder, in which one bad file does not spoil the others.
        entries: What is read, and what the source holds beside it.
        bytes: The size of what is read.
        identity: A hash of its bytes, and of the names of its files.
    """

    shown: str
    source: str
    is_folder: bool
    entries: tuple[SourceFile | NotRead, ...]
    bytes: int
    identity: str


def rows_part(path: Path, shown: str) -> SourcePart:
    """Return a file of JSON Lines, whose rows all have ids, as a part.

    Args:
        path: The file.
        shown: How messages name it.
    """
    size = path.stat().st_size
    file = SourceFile(path, shown, ".jsonl", size, shown)
    digest = xxhash.xxh3_128(path.read_bytes())
    return SourcePart(shown, shown, is_folder=False, entries=(file,), bytes=size, identity=digest.hexdigest())
