"""Publications: what a store holds of an index, and under which names.

``MANIFEST.<number>`` is a publication: the manifest of one generation, byte for byte. The one with the highest number
is the newest. ``files/`` holds the files that manifests list. The name of a file says its place in the folder of an
index and its checksum, so equal names mean equal bytes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...errors import IndexCorrupt, IndexNotFound, ObjectStoreError
from ..files import FileEntry
from ..manifest import MANIFEST_NAME, Manifest
from ..reading import SEGMENTS
from ..segments import QUANTISERS, TOMBSTONES
from .object_store import ObjectMissing, ObjectStore, StoredObject

FILES = "files/"
MOST_MANIFEST_BYTES = 1 << 28
_NUMBERED = re.compile(rf"{MANIFEST_NAME}\.([1-9][0-9]{{0,15}})")
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Publication:
    """A generation as a store or a folder holds it.

    Attributes:
        number: Its number in the store; 0 where it is not from one.
        content: The bytes of the manifest.
        manifest: What they say.
    """

    number: int
    content: bytes
    manifest: Manifest

    @property
    def generation(self) -> int:
        """The number of the generation."""
        return self.manifest.generation

    @property
    def checksum(self) -> str:
        """The checksum of the manifest, as it stands in its second line."""
        return self.content.split(b"\n")[1].decode("ascii")


def manifest_name(number: int) -> str:
    """Return the name of a publication in the store."""
    return f"{MANIFEST_NAME}.{number}"


def numbered(objects: Iterable[StoredObject]) -> dict[int, StoredObject]:
    """Return the publications among objects, by number and in order."""
    found = {int(match[1]): entry for entry in objects if (match := _NUMBERED.fullmatch(entry.name))}
    return dict(sorted(found.items()))


def newest_number(store: ObjectStore) -> int:
    """Return the number of the newest publication; 0 where there is none."""
    return max(numbered(store.top()), default=0)


def newest_entry(store: ObjectStore) -> StoredObject | None:
    """Return what the store says of the newest publication, without reading it; None where there is none."""
    entries = numbered(store.top())
    return entries[max(entries)] if entries else None


def newest_publication(store: ObjectStore) -> Publication | None:
    """Return the newest publication; None where there is none.

    Raises:
        IndexCorrupt: Its manifest is damaged.
        ObjectStoreError: The store does not answer, or lists a manifest that it does not have.
    """
    name = ""
    for _ in range(_LOOKS):
        entries = numbered(store.top())
        if not entries:
            return None
        number = max(entries)
        try:
            return read_publication(store, number, entries[number])
        except ObjectMissing:  # superseded and removed since it was listed
            name = manifest_name(number)
    raise ObjectStoreError(f"{store.url} lists {name}, and does not have it; try again later")


def require_newest(store: ObjectStore) -> Publication:
    """Return the newest publication.

    Raises:
        IndexCorrupt: As for ``newest_publication``.
        IndexNotFound: Nothing is published there.
        ObjectStoreError: As for ``newest_publication``.
    """
    newest = newest_publication(store)
    if newest is None:
        raise IndexNotFound(
            f"no index is published at {store.url}; publish one with `bicross publish INDEX {store.url}`"
        )
    return newest


def read_publication(store: ObjectStore, number: int, entry: StoredObject) -> Publication:
    """Read a publication.

    Raises:
        IndexCorrupt: Its manifest is damaged.
        ObjectMissing: It was removed since it was listed.
    """
    source = f"{store.url}/{entry.name}"
    if entry.bytes > MOST_MANIFEST_BYTES:
        raise IndexCorrupt(f"{source} has {entry.bytes:,} bytes, which no manifest has")
    content = store.read(entry.name)
    return Publication(number, content, Manifest.from_bytes(content, source=source))


def files_of(manifest: Manifest) -> Iterator[tuple[str, FileEntry]]:
    """Yield the files of a generation: the place of each in the folder of an index, and its size and checksum."""
    if manifest.vectors.quantiser is not None:
        yield f"{QUANTISERS}/{manifest.vectors.quantiser.name}", manifest.vectors.quantiser.entry
    for segment in manifest.segments:
        for name, entry in segment.files.items():
            yield f"{SEGMENTS}/{segment.name}/{name}", entry
        if segment.tombstones is not None:
            yield f"{TOMBSTONES}/{segment.tombstones.name}", segment.tombstones.entry


def object_name(place: str, entry: FileEntry) -> str:
    """Return the name in the store of the file at a place in the folder of an index."""
    return f"{FILES}{place}.{entry.xxh3}"


def objects_of(manifest: Manifest) -> Mapping[str, tuple[str, FileEntry]]:
    """Return the files of a generation by their names in the store."""
    return {object_name(place, entry): (place, entry) for place, entry in files_of(manifest)}


def lacking(manifest: Manifest, sizes: Mapping[str, int]) -> dict[str, tuple[str, FileEntry]]:
    """Return the files of a generation that a store lacks, or has with another size.

    Args:
        manifest: The generation.
        sizes: The sizes of objects by their names.
    """
    return {name: file for name, file in objects_of(manifest).items() if sizes.get(name) != file[1].bytes}
