"""The manifest: lists all that one generation of an index consists of.

On disk it is one line of canonical JSON, and a second line with the xxh3-128 of the first.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

import xxhash
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from ...errors import IndexCorrupt
from ..chunking import Chunking
from ..files import Count, FileEntry, Name, NamedFile
from ..vectors import AUTO, FLAT, TARGET_RECALL, SearchSettings
from .columns import COLUMN_NAMES, POSTINGS_NAMES, TOKEN_IDS_NAMES, TOKEN_VECTORS_NAMES, ColumnNames
from .model import ModelFingerprint
from .settings import checked_settings

FORMAT_VERSION = 5
READABLE_VERSIONS = (2, 3, 4, FORMAT_VERSION)
"""Version 2 has no token ids, versions before 4 no settings and no postings, and those before 5 no token vectors."""
MANIFEST_NAME = "MANIFEST"
METRIC = "inner_product"
MOST_SEGMENTS = 3584
"""The most segments of an index that can be opened. Each takes up to 8 memory maps, and a reader that moves on has two
generations open: 57,344 maps, of the 65,530 that Linux gives a process (``vm.max_map_count``).
"""

FileName = Annotated[str, Field(pattern=r"^[a-z_]{1,20}\.[a-z]{1,10}$")]
Fingerprint = Annotated[str, Field(validation_alias=TOKEN_IDS_NAMES.key, pattern=f"^{TOKEN_IDS_NAMES.pattern}$")]
LateInteraction = Annotated[
    str, Field(validation_alias=TOKEN_VECTORS_NAMES.key, pattern=f"^{TOKEN_VECTORS_NAMES.pattern}$")
]
Analyzer = Annotated[str, Field(validation_alias=POSTINGS_NAMES.key, pattern=f"^{POSTINGS_NAMES.pattern}$")]
Settings = Annotated[Mapping[str, object], AfterValidator(checked_settings)]


@dataclass(frozen=True, slots=True)
class Canary:
    """A search whose result was stored with the segment, for verification.

    Rows are not stored: those of equal scores may change places.

    Attributes:
        query: The query vector, float32 bytes in base64.
        scores: The scores of the best rows, in descending order.
    """

    query: str
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One immutable segment.

    Attributes:
        name: The name of its folder.
        documents: The number of documents, deleted ones included.
        passages: The number of passages, those of deleted documents included.
        files: Its files by name.
        canary: A search with a known result; None if the segment has no vectors.
        deleted: The number of deleted documents.
        tombstones: The file that says which documents are deleted; None if there are none.
    """

    name: Name
    documents: Count
    passages: Count
    files: Mapping[FileName, FileEntry]
    canary: Canary | None = None
    deleted: Count = 0
    tombstones: NamedFile | None = None


@dataclass(frozen=True, slots=True)
class VectorLayout:
    """How vectors are stored and searched.

    Attributes:
        index_type: The type that was asked for: "auto" or a FAISS factory string.
        factory: The FAISS factory string that was chosen.
        quantiser: The trained index without vectors that all segments share; None if nothing is trained.
        settings: How hard a search works.
        target_recall: The recall@100 that was asked for.
        memory_bytes: The most bytes for the vectors that were asked for; None for no limit.
        recall_at_100: The recall@100 that was measured against exact search; None if search is exact.
        recall_queries: The number of vectors of the index that it was measured with.
    """

    index_type: str = AUTO
    factory: str = FLAT
    quantiser: NamedFile | None = None
    settings: SearchSettings = field(default_factory=SearchSettings)
    target_recall: float = TARGET_RECALL
    memory_bytes: Count | None = None
    recall_at_100: float | None = None
    recall_queries: Count = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of an index.

    Attributes:
        uuid: Identifies the index. It changes when an index is built anew.
        generation: The number of the generation. It grows with every commit.
        model: The model that made the vectors.
        chunking: How documents were split; None if each is one passage.
        vectors: How vectors are stored.
        segments: The segments, in the order of their documents.
        tokenizer_fingerprint: The sha256 of the tokenizer whose ids are stored; empty if none are.
        analyzer: The name of the analyzer whose terms are stored; empty if none are.
        late_interaction_fingerprint: The sha256 of the model whose token vectors are stored; empty if none are.
        settings: Settings of the programs that search the index.
        committed: The time of the commit, in seconds since 1970.
        reason: What made the generation, in a word.
    """

    uuid: Name
    generation: Count
    model: ModelFingerprint
    chunking: Chunking | None = None
    vectors: VectorLayout = field(default_factory=VectorLayout)
    segments: tuple[SegmentEntry, ...] = ()
    tokenizer_fingerprint: Fingerprint = ""
    analyzer: Analyzer = ""
    late_interaction_fingerprint: LateInteraction = ""
    settings: Annotated[Mapping[str, object], AfterValidator(checked_settings)] = field(
        default_factory=dict[str, object]
    )
    committed: float = 0.0
    reason: str = ""

    def maker(self, names: ColumnNames) -> str:
        """Return the name of what made a stored column; empty if the index does not store it."""
        return getattr(self, names.field)

    @property
    def documents(self) -> int:
        """The number of live documents."""
        return sum(segment.documents - segment.deleted for segment in self.segments)

    @property
    def passages(self) -> int:
        """The number of passages, those of deleted documents included."""
        return sum(segment.passages for segment in self.segments)

    def named(self) -> Iterator[str]:
        """Yield the names of all files and folders of this generation in the folders of the index."""
        if self.vectors.quantiser is not None:
            yield self.vectors.quantiser.name
        for segment in self.segments:
            yield segment.name
            if segment.tombstones is not None:
                yield segment.tombstones.name

    def to_bytes(self) -> bytes:
        """Return canonical JSON and its checksum."""
        body = {_KEYS.get(name, name): value for name, value in _record(self).items()} | {
            "format_version": FORMAT_VERSION,
            "metric": METRIC,
        }
        text = json.dumps(
            body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=_record
        )
        line = text.encode("ascii")
        return line + b"\n" + xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n"

    @staticmethod
    def from_bytes(content: bytes, *, source: str) -> "Manifest":
        """Parse what ``to_bytes`` returned.

        Args:
            content: The bytes of a manifest file.
            source: The name of the file, for messages.

        Raises:
            IndexCorrupt: The bytes are damaged, of another format version, or not a manifest.
        """
        line, _, seal = content.partition(b"\n")
        if seal != xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n":
            raise IndexCorrupt(f"{source} is damaged: its checksum does not match its content")
        try:
            stored = _parsed(line)
        except ValidationError as error:
            _check_version(line, source)
            raise IndexCorrupt(f"{source} is not a manifest of this format: {error.errors()[0]!r}") from error
        _check_columns(stored, source)
        return Manifest(**{name: getattr(stored, name) for name in _FIELDS})


@lru_cache(maxsize=2)
def _parsed(line: bytes) -> "_Stored":
    """Parse a manifest. A commit reads the same bytes several times, and parsing them takes most of its time."""
    return _STORED.validate_json(line, strict=True)


def _record(record: object) -> dict[str, object]:
    """Return the fields of a dataclass; ``dataclasses.asdict`` copies the values, which takes most of a commit."""
    return {name: getattr(record, name) for name in cast("Any", record).__slots__}


def _check_version(line: bytes, source: str) -> None:
    """Raise ``IndexCorrupt`` for a manifest of another format version."""
    with suppress(KeyError, TypeError, ValueError, RecursionError):
        version = cast("dict[str, object]", json.loads(line))["format_version"]
        if version not in READABLE_VERSIONS:
            raise IndexCorrupt(
                f"{source} has format version {version}; this bicross reads versions "
                f"{READABLE_VERSIONS[0]} to {FORMAT_VERSION}. "
                "Use the bicross that wrote it, or build the index again."
            )


def _check_columns(manifest: Manifest, source: str) -> None:
    """Raise ``IndexCorrupt`` unless each segment has exactly the columns for which the manifest names a maker."""
    for names in COLUMN_NAMES:
        maker = manifest.maker(names)
        for segment in manifest.segments:
            if (names.file in segment.files) != bool(maker):
                declared = f"{names.values} of {names.described(maker)}" if maker else f"no {names.values}"
                listed = f"lists no {names.file}" if maker else f"lists {names.file}"
                raise IndexCorrupt(f"{source} declares {declared}, but {listed} for the segment {segment.name}")


@dataclass(frozen=True, slots=True)
class _Stored(Manifest):
    """The manifest as it is on disk."""

    format_version: Literal[2, 3, 4, 5] = FORMAT_VERSION
    metric: Literal["inner_product"] = METRIC

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)


_STORED = TypeAdapter(_Stored)
_KEYS = {names.field: names.key for names in COLUMN_NAMES}
"""Fields whose key in the file differs from their name."""
_FIELDS = [entry.name for entry in dataclasses.fields(Manifest)]
