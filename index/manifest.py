"""The manifest: what an index consists of. The commit point. Knows names, sizes and checksums, opens no other file.

On disk it is one line of canonical JSON and a second line with the xxh3-128 of the first.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import xxhash

from ..errors import IndexCorrupt, IndexModelMismatch

FORMAT_VERSION = 1
MANIFEST_NAME = "MANIFEST"
METRIC = "inner_product"


@dataclass(frozen=True, slots=True)
class ModelFingerprint:
    """Which model made the vectors, and how. Two that differ in anything but ``id`` and ``revision`` do not mix.

    ``id`` and ``revision`` say where the model came from; the hashes say which bytes it is, wherever they lie.
    """

    id: str
    revision: str
    weights_sha256: str
    tokenizer_sha256: str
    dimension: int
    pooling: str
    normalised: bool
    query_prompt: str
    document_prompt: str
    max_length: int

    def require_same(self, other: "ModelFingerprint") -> None:
        """Raise ``IndexModelMismatch`` naming each field in which ``other``, the model at hand, differs."""
        differing = [
            f"{field.name}: {getattr(self, field.name)!r} in the index, {getattr(other, field.name)!r} in the model"
            for field in dataclasses.fields(self)
            if field.name not in ("id", "revision") and getattr(self, field.name) != getattr(other, field.name)
        ]
        if differing:
            raise IndexModelMismatch(
                f"the index was built with {self.id!r}, which is not {other.id!r} ({'; '.join(differing)}). "
                f"Search it with {self.id!r}, or build it again with {other.id!r}."
            )


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and xxh3-128 (hex) of one file."""

    bytes: int
    xxh3: str


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One immutable segment: its folder's name, its counts, and its files by name."""

    name: str
    documents: int
    passages: int
    files: Mapping[str, FileEntry]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of an index."""

    uuid: str
    generation: int
    model: ModelFingerprint
    factory: str
    segments: tuple[SegmentEntry, ...] = ()

    def to_bytes(self) -> bytes:
        """Canonical JSON and its checksum."""
        body = dataclasses.asdict(self) | {"format_version": FORMAT_VERSION, "metric": METRIC}
        line = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        return line + b"\n" + xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n"

    @staticmethod
    def from_bytes(content: bytes, *, source: str) -> "Manifest":
        """Read what ``to_bytes`` wrote; anything else is ``IndexCorrupt`` naming ``source``."""
        line, _, seal = content.partition(b"\n")
        if seal != xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n":
            raise IndexCorrupt(f"{source} is damaged: its checksum does not match its content")
        try:
            body = cast("dict[str, object]", json.loads(line))
            version = body.pop("format_version")
            if version != FORMAT_VERSION:
                raise IndexCorrupt(
                    f"{source} has format version {version}; this bicross reads version {FORMAT_VERSION}. "
                    "Use the bicross that wrote it, or build the index again."
                )
            if body.pop("metric") != METRIC:
                raise IndexCorrupt(f"{source} names a metric other than {METRIC}")
            return _parse(body)
        except (KeyError, TypeError, ValueError) as error:
            raise IndexCorrupt(f"{source} is not a manifest of this format: {error!r}") from error


def _parse(body: dict[str, object]) -> Manifest:
    segments: list[SegmentEntry] = []
    for segment in cast("list[dict[str, object]]", body.pop("segments")):
        files = cast("dict[str, dict[str, object]]", segment.pop("files"))
        entries = {name: FileEntry(**cast("dict[str, str | int]", entry)) for name, entry in files.items()}  # type: ignore[arg-type]
        if not re.fullmatch(r"[\w-]+", str(segment["name"])):
            raise ValueError(f"the segment name {segment['name']!r} would lead out of the index")
        segments.append(SegmentEntry(**segment, files=entries))  # type: ignore[arg-type]
    model = ModelFingerprint(**cast("dict[str, object]", body.pop("model")))  # type: ignore[arg-type]
    return Manifest(**body, model=model, segments=tuple(segments))  # type: ignore[arg-type]
