"""Plans the chunks of a build: which part of the source each holds, and its name, a hash of all that it is made of."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Generic, Protocol, TypeVar, cast

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, checked_items, checked_mapping, described
from ..chunking import Chunking
from ..manifest import COLUMN_NAMES, FORMAT_VERSION, Manifest, ModelFingerprint, VectorLayout
from ..writing import check_asked

NAME_DIGITS = 40
CHUNK_VERSION = 1
"""Raise it when the same inputs make other chunks: names change with it, so that old and new ones do not mix."""


@cache
def software() -> str:
    """Return the version of bicross, of the format of an index, and of chunks."""
    return f"{version('bicross')}, format {FORMAT_VERSION}, chunks {CHUNK_VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSettings:
    """What all chunks of a build have in common. Names depend on all of it but the name of the model and its place.

    Attributes:
        model: The model that makes the vectors.
        chunking: How documents are split; None if each is one passage.
        layout: How vectors are stored in the end. Chunks have exact vectors, unless the layout has a quantiser.
        tokenizer_fingerprint: The sha256 of the tokenizer whose ids every batch has; empty for none.
        analyzer: The name of the analyzer whose terms every batch has; empty for none.
        late_interaction_fingerprint: The sha256 of the model whose token vectors every batch has; empty for none.
        dtype: The number format in which the model calculates: vectors of two formats do not mix.
        reading: How the source is read, as JSON: all options that change the documents.
        software: The version of what writes chunks.

    Raises:
        ArgumentError: One of them is not valid.
    """

    model: ModelFingerprint
    chunking: Chunking | None = None
    layout: VectorLayout = field(default_factory=VectorLayout)
    tokenizer_fingerprint: str = ""
    analyzer: str = ""
    late_interaction_fingerprint: str = ""
    dtype: str = "float32"
    reading: Mapping[str, object] = field(default_factory=dict[str, object])
    software: str = field(default_factory=software)

    def __post_init__(self) -> None:
        checked_instance(self.model, ModelFingerprint, "model")
        for name in ("tokenizer_fingerprint", "analyzer", "late_interaction_fingerprint", "dtype", "software"):
            checked_instance(getattr(self, name), str, name)
        self._check_reading()
        if self.chunking is not None:
            checked_instance(self.chunking, Chunking, "chunking")
        check_asked(checked_instance(self.layout, VectorLayout, "layout"), self.model.dimension)
        manifest = self.manifest()
        for names in COLUMN_NAMES:
            names.check_maker(manifest.maker(names))

    def _check_reading(self) -> None:
        reading = checked_mapping(self.reading, "reading", "options by name")
        try:
            json.dumps(dict(reading), allow_nan=False).encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            raise ArgumentError(f"reading must be what JSON can hold: {error}; it is {described(reading)}") from error

    def manifest(self) -> Manifest:
        """Return the generation that the chunks are written for, without segments."""
        return Manifest(
            str(uuid.uuid4()),
            0,
            self.model,
            self.chunking,
            self.layout,
            tokenizer_fingerprint=self.tokenizer_fingerprint,
            analyzer=self.analyzer,
            late_interaction_fingerprint=self.late_interaction_fingerprint,
        )

    def inputs(self) -> str:
        """Return, as canonical JSON, everything that a chunk depends on besides its part of the source."""
        quantiser = self.layout.quantiser
        values = asdict(self)
        values["layout"] = [self.layout.factory, quantiser.xxh3] if quantiser is not None else ["Flat", ""]
        for name in ("id", "revision"):  # where the same model came from
            del values["model"][name]
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Part(Protocol):
    """A part of a source."""

    @property
    def identity(self) -> str:
        """A hash of what is in it, and of its place."""
        ...

    @property
    def shown(self) -> str:
        """How messages name it."""
        ...


AnyPart = TypeVar("AnyPart", bound=Part)


@dataclass(frozen=True, slots=True)
class Chunk(Generic[AnyPart]):
    """A part of a source, and the name of the segment that is made of it."""

    name: str
    part: AnyPart


def plan(parts: Sequence[AnyPart], settings: ChunkSettings) -> list[Chunk[AnyPart]]:
    """Name the chunks of a build. The same parts and settings have the same names, in every process and at any time.

    Args:
        parts: The parts of the source, in the order of their documents.
        settings: What all chunks have in common.

    Raises:
        ArgumentError: Two parts are the same.
    """
    inputs = checked_instance(settings, ChunkSettings, "settings").inputs()
    chunks: dict[str, Chunk[AnyPart]] = {}
    for part in cast("list[AnyPart]", checked_items(parts, "parts", "parts of a source")):
        if not all(isinstance(getattr(part, name, None), str) for name in ("identity", "shown")):
            raise ArgumentError(f"parts must have identity and shown, which are texts; not {described(part)}")
        name = hashlib.sha256(f"{inputs}\n{part.identity}".encode()).hexdigest()[:NAME_DIGITS]
        if name in chunks:
            raise ArgumentError(f"{part.shown} is in the source twice: name each file once")
        chunks[name] = Chunk(name, part)
    return list(chunks.values())
