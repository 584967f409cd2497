"""The manifest: the list of all that one generation of an index consists of.

On disk it is one line of canonical JSON and a second line with the xxh3-128 of the first.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

import xxhash
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from ...errors import IndexCorrupt, IndexModelMismatch
from ..chunking import Chunking
from ..files import Count, FileEntry, Name, NamedFile
from ..vectors import AUTO, FLAT, TARGET_RECALL, SearchSettings
from .columns import COLUMN_NAMES, POSTINGS_NAMES, TOKEN_IDS_NAMES, ColumnNames
from .settings import checked_settings

FORMAT_VERSION = 4
READABLE_VERSIONS = (2, 3, FORMAT_VERSION)
"""Version 2 knew no token ids, and neither 2 nor 3 settings and postings; they lack nothing else."""
MANIFEST_NAME = "MANIFEST"
METRIC = "inner_product"

FileName = Annotated[str, Field(pattern=r"^[a-z]{1,20}\.[a-z]{1,10}$")]
Fingerprint = Annotated[str, Field(validation_alias=TOKEN_IDS_NAMES.key, pattern=f"^{TOKEN_IDS_NAMES.pattern}$")]
Analyzer = Annotated[str, Field(validation_alias=POSTINGS_NAMES.key, pattern=f"^{POSTINGS_NAMES.pattern}$")]
Settings = Annotated[Mapping[str, object], AfterValidator(checked_settings)]


@dataclass(frozen=True, slots=True)
class ModelFingerprint:
    """Which model made the vectors, and how. Two that differ in anything but ``id`` and ``revision`` do not mix.

    ``id`` and ``revision`` say where the model came from; the hashes say which bytes it is, wherever they lie.
    """

    id: str
    revision: str
    weights_sha256: str
    tokenizer_sha256: str
    dimension: Annotated[int, Field(ge=1, le=2**20)]
    pooling: str
    normalised: bool
    query_prompt: str
    document_prompt: str
    max_length: Count

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
class Canary:
    """A search whose answer was written down with the segment: float32 bytes (base64), and the scores found, in order.

    The scores of equal vectors change places freely, so rows are not part of it.
    """

    query: str
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One immutable segment: its folder's name, its counts, its files by name, and which of its rows are deleted."""

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

    ``index_type``, ``target_recall`` and ``memory_bytes`` are what was asked for: "auto" or a FAISS factory string, and
    what auto has to heed. ``factory`` is what was chosen. Where that
    is trained, ``quantiser`` holds it without vectors, for all segments. ``recall_at_100`` was measured against exact
    search with ``recall_queries`` of the index's own vectors, None where search is exact.
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
    """One generation of an index. ``committed`` is its time in seconds since 1970; ``reason`` is what made it.

    ``tokenizer_fingerprint`` is the sha256 of the tokenizer whose ids are kept of every passage, and ``analyzer`` the
    name of the analyzer whose terms are; each is empty where none are. ``settings`` are for the programs that
    search the index.
    """

    uuid: Name
    generation: Count
    model: ModelFingerprint
    chunking: Chunking | None = None
    vectors: VectorLayout = field(default_factory=VectorLayout)
    segments: tuple[SegmentEntry, ...] = ()
    tokenizer_fingerprint: Fingerprint = ""
    analyzer: Analyzer = ""
    settings: Annotated[Mapping[str, object], AfterValidator(checked_settings)] = field(
        default_factory=dict[str, object]
    )
    committed: float = 0.0
    reason: str = ""

    def maker(self, names: ColumnNames) -> str:
        """What made a stored column; empty where the index does not store it."""
        return getattr(self, names.field)

    @property
    def documents(self) -> int:
        """Live documents."""
        return sum(segment.documents - segment.deleted for segment in self.segments)

    @property
    def passages(self) -> int:
        """Passages, those of deleted documents counted."""
        return sum(segment.passages for segment in self.segments)

    def named(self) -> Iterator[str]:
        """The names of all that this generation needs under the folders of an index."""
        if self.vectors.quantiser is not None:
            yield self.vectors.quantiser.name
        for segment in self.segments:
            yield segment.name
            if segment.tombstones is not None:
                yield segment.tombstones.name

    def to_bytes(self) -> bytes:
        """Canonical JSON and its checksum."""
        fields = dataclasses.asdict(self)
        body = {_KEYS.get(name, name): value for name, value in fields.items()} | {
            "format_version": FORMAT_VERSION,
            "metric": METRIC,
        }
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        line = text.encode("ascii")
        return line + b"\n" + xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n"

    @staticmethod
    def from_bytes(content: bytes, *, source: str) -> "Manifest":
        """Read what ``to_bytes`` wrote; anything else is ``IndexCorrupt`` naming ``source``."""
        line, _, seal = content.partition(b"\n")
        if seal != xxhash.xxh3_128_hexdigest(line).encode("ascii") + b"\n":
            raise IndexCorrupt(f"{source} is damaged: its checksum does not match its content")
        try:
            version = cast("dict[str, object]", json.loads(line))["format_version"]
            if version not in READABLE_VERSIONS:
                raise IndexCorrupt(
                    f"{source} has format version {version}; this bicross reads versions "
                    f"{READABLE_VERSIONS[0]} to {FORMAT_VERSION}. "
                    "Use the bicross that wrote it, or build the index again."
                )
            stored = _STORED.validate_json(line, strict=True)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            shown = error.errors()[0] if isinstance(error, ValidationError) else error
            raise IndexCorrupt(f"{source} is not a manifest of this format: {shown!r}") from error
        _check_columns(stored, source)
        return Manifest(**{name: getattr(stored, name) for name in _FIELDS})


def _check_columns(manifest: Manifest, source: str) -> None:
    """Raise ``IndexCorrupt`` unless each segment has exactly the columns that the manifest names a maker of."""
    for names in COLUMN_NAMES:
        maker = manifest.maker(names)
        for segment in manifest.segments:
            if (names.file in segment.files) != bool(maker):
                declared = f"{names.values} of {names.described(maker)}" if maker else f"no {names.values}"
                listed = f"lists no {names.file}" if maker else f"lists {names.file}"
                raise IndexCorrupt(f"{source} declares {declared}, but {listed} for the segment {segment.name}")


@dataclass(frozen=True, slots=True)
class _Stored(Manifest):
    """The manifest as it stands on disk."""

    format_version: Literal[2, 3, 4] = FORMAT_VERSION
    metric: Literal["inner_product"] = METRIC

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)


_STORED = TypeAdapter(_Stored)
_KEYS = {names.field: names.key for names in COLUMN_NAMES}
"""Fields whose key in the file differs from their name."""
_FIELDS = [entry.name for entry in dataclasses.fields(Manifest)]
