"""How the manifest lists a file: name, size and checksum."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""A file or folder that the manifest names: nothing that could lead out of the index."""
Count = Annotated[int, Field(ge=0, le=2**53)]
Checksum = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and xxh3-128 (hex) of one file."""

    bytes: Count
    xxh3: Checksum


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a generation has to itself: its name, size and checksum."""

    name: Name
    bytes: Count
    xxh3: Checksum

    @property
    def entry(self) -> FileEntry:
        """Size and checksum."""
        return FileEntry(self.bytes, self.xxh3)
