"""How the manifest lists a file: name, size and checksum."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""The name of a file or folder in the manifest. It cannot lead out of the index."""
Count = Annotated[int, Field(ge=0, le=2**53)]
Checksum = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and xxh3-128 (hex) of one file."""

    bytes: Count
    xxh3: Checksum


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file with a name of its own in the manifest: name, size in bytes, and xxh3-128 (hex)."""

    name: Name
    bytes: Count
    xxh3: Checksum

    @property
    def entry(self) -> FileEntry:
        """Size and checksum without the name."""
        return FileEntry(self.bytes, self.xxh3)
