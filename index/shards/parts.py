"""Parts: which segments of a generation a shard has, and the part of an index that is open in a shard."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import xxhash

from ...errors import ArgumentError, IndexCorrupt
from ..manifest import Manifest
from ..reading import Snapshot, View
from ..segments import Verify
from ..writing import read_generation


@dataclass(frozen=True, slots=True)
class GenerationKey:
    """Names one generation of an index, and no other that ever has its number.

    Attributes:
        number: The number of the generation.
        checksum: The xxh3-128 of its manifest, in hex.
    """

    number: int
    checksum: str

    @classmethod
    def of(cls, manifest: Manifest) -> "GenerationKey":
        """Return the key of a generation."""
        return cls(manifest.generation, xxhash.xxh3_128_hexdigest(manifest.to_bytes()))


def segments_of_shards(manifest: Manifest, shards: int) -> list[range]:
    """Return the numbers of the segments of each shard: they follow each other, so that the largest part is small.

    It depends on the generation and the number of shards alone. A shard is empty only where there are fewer segments
    than shards.

    Args:
        manifest: The generation.
        shards: The number of shards.
    """
    sizes = [segment.passages for segment in manifest.segments]
    least, most = max(sizes, default=0), sum(sizes)
    while least < most:
        middle = (least + most) // 2
        if len(_filled(sizes, middle, shards)) <= shards:
            most = middle
        else:
            least = middle + 1
    stops = _filled(sizes, least, shards)
    stops += [len(sizes)] * (shards - len(stops))
    return [range(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def _filled(sizes: Sequence[int], capacity: int, shards: int) -> list[int]:
    """Where each shard ends if every one is filled up to a capacity, and none of them is left without a segment."""
    stops, held = list[int](), 0
    for number, size in enumerate(sizes):
        is_full = held + size > capacity or len(sizes) - number < shards - len(stops)
        if number and is_full:
            stops.append(number)
            held = 0
        held += size
    return [*stops, len(sizes)] if sizes else []


class Part:
    """The segments of one generation that one shard has, open for reading. Any number of threads may use it."""

    def __init__(self, snapshot: Snapshot, first: int) -> None:
        """``first`` is the number of the first of these segments among all of the generation."""
        self.snapshot = snapshot
        self.first = first

    @classmethod
    def open(
        cls, path: Path, key: GenerationKey, *, shard: int, shards: int, verify: Verify, like: "Part | None" = None
    ) -> "Part":
        """Open the part that a shard has of a generation.

        Args:
            path: The folder of the index.
            key: The generation.
            shard: The number of the shard, from 0.
            shards: How many there are.
            verify: How files are checked.
            like: A part of another generation; segments that are open there are not opened again.

        Raises:
            IndexCorrupt: A file is missing or damaged, or the index does not have this generation any more.
        """
        try:
            manifest = read_generation(path, key.number)
        except ArgumentError as error:
            raise IndexCorrupt(str(error)) from None
        if GenerationKey.of(manifest) != key:
            raise IndexCorrupt(f"{path} has another generation {key.number} than the one that is searched")
        segments = segments_of_shards(manifest, shards)[shard]
        part = replace(manifest, segments=manifest.segments[segments.start : segments.stop])
        opened = () if like is None else like.snapshot.views
        return cls(Snapshot.open(path, part, verify=verify, opened_views=opened), segments.start)

    def view(self, segment: int) -> View:
        """Return a segment by its number in the generation."""
        return self.snapshot.views[segment - self.first]

    @cached_property
    def documents(self) -> int:
        """The number of live documents."""
        return len(self.snapshot)
