"""Seals: the file in a chunk that says what it consists of, and that it is whole."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import xxhash
from pydantic import ConfigDict, TypeAdapter, ValidationError

from ...errors import ArgumentError, IndexCorrupt
from ...errors.arguments import checked_items, checked_path, described
from ..files import Count, Filesystem, Name
from ..manifest import SegmentEntry
from ..writing import STAGING
from .plan import NAME_DIGITS

SEAL = "SEAL"
_NAME = re.compile("[A-Za-z0-9_-]{1,60}")
"""It cannot lead out of the folder, and leaves room for the name of an attempt."""


@dataclass(frozen=True, slots=True)
class ChunkAccount:
    """What became of a part of the source.

    Attributes:
        source: How messages name the part.
        ids_made: How many documents got an id that was made of their content. Copies of these in several chunks are no
            error: the first counts.
        details: What else a program notes, as JSON, such as the rows that were left out.
    """

    source: str = ""
    ids_made: Count = 0
    details: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class SealedChunk:
    """A chunk that is whole and on the disk.

    Attributes:
        name: Its name.
        software: The version of what wrote it.
        entry: Its segment, as a manifest lists it; None where the part has no documents.
        account: What became of the part.
    """

    name: Name
    software: str
    entry: SegmentEntry | None = None
    account: ChunkAccount = field(default_factory=ChunkAccount)

    @property
    def documents(self) -> int:
        """The number of its documents."""
        return 0 if self.entry is None else self.entry.documents

    def to_bytes(self) -> bytes:
        """Return JSON and its checksum, each on a line."""
        body = dataclasses.asdict(self) | {"seal_version": 1}
        line = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
        return line + b"\n" + xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n"


@dataclass(frozen=True, slots=True)
class _Stored(SealedChunk):
    """A seal as it is on disk."""

    seal_version: Literal[1] = 1

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)


_STORED = TypeAdapter(_Stored)
_FIELDS = [entry.name for entry in dataclasses.fields(SealedChunk)]


def write_seal(filesystem: Filesystem, folder: Path, chunk: SealedChunk) -> None:
    """Write the seal of a chunk into its folder. On return it is on disk."""
    with filesystem.create(folder / SEAL) as file:
        file.write(chunk.to_bytes())
    filesystem.fsync_folder(folder)


def read_seal(path: Path, name: str) -> SealedChunk | None:
    """Read the seal of a chunk.

    Args:
        path: The folder of the index.
        name: The name of the chunk.

    Returns:
        None where there is no such chunk.

    Raises:
        ArgumentError: That is no name of a chunk.
        IndexCorrupt: The seal is damaged, or is that of another chunk.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"the name of a chunk is what plan gives it, not {described(name)}")
    folder = path / STAGING / name
    try:
        content = (folder / SEAL).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if folder.exists():
            raise damaged(path, name, "it has no seal") from None
        return None
    line, _, checksum = content.partition(b"\n")
    if checksum != xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n":
        raise damaged(path, name, "the checksum of its seal does not match")
    try:
        stored: Any = _STORED.validate_json(line, strict=True)
    except ValidationError as error:
        raise damaged(path, name, f"its seal is not one of this version: {error.errors()[0]!r:.300}") from error
    if stored.name != name:
        raise damaged(path, name, f"its seal is that of {stored.name}")
    return SealedChunk(**{field: getattr(stored, field) for field in _FIELDS})


def checked_names(names: Iterable[str]) -> list[str]:
    """Return names of chunks as a list; each is checked where its seal is read."""
    return cast("list[str]", checked_items(names, "names", "names of chunks"))


def damaged(path: Path, name: str, reason: str) -> IndexCorrupt:
    """Return the error for a chunk that cannot be used."""
    folder = path / STAGING / name
    return IndexCorrupt(
        f"the staged chunk {folder} is damaged: {reason}; delete that folder, and the next run makes it"
    )


def count_staged(path: str | Path) -> int:
    """Return how many sealed chunks are staged, of whatever build."""
    return sum(1 for _ in (checked_path(path) / STAGING).glob(f"{'[0-9a-f]' * NAME_DIGITS}/{SEAL}"))


def sealed(path: str | Path, names: Iterable[str]) -> dict[str, SealedChunk]:
    """Return those chunks that are sealed, by name. Each is looked for by its name: a listing may lag behind.

    Args:
        path: The folder of the index.
        names: The names of a plan.

    Raises:
        IndexCorrupt: A seal is damaged.
    """
    folder = checked_path(path)
    found = ((name, read_seal(folder, name)) for name in checked_names(names))
    return {name: chunk for name, chunk in found if chunk is not None}
