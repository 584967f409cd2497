"""IndexInfo: counts, sizes and models of an index, read from its manifest alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .chunking import Chunking
from .manifest import Manifest, ModelFingerprint, VectorLayout, checked_settings
from .writing import generations


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Counts, size on disk in bytes, how vectors are stored, and the models.

    ``tokenizer_fingerprint`` is the sha256 of the tokenizer whose ids are kept of every passage, and ``analyzer`` the
    name of the analyzer whose terms are; empty where none are.
    """

    path: str
    uuid: str
    generation: int
    older_generations: tuple[int, ...]
    documents: int
    deleted: int
    passages: int
    segments: int
    bytes: int
    vectors: VectorLayout
    model: ModelFingerprint
    tokenizer_fingerprint: str
    analyzer: str
    chunking: Chunking | None
    settings: Mapping[str, object]


def info_of(path: Path, manifest: Manifest) -> IndexInfo:
    """What there is to say of one generation of the index at ``path``."""
    return IndexInfo(
        path=str(path),
        uuid=manifest.uuid,
        generation=manifest.generation,
        older_generations=tuple(generations(path)),
        documents=manifest.documents,
        deleted=sum(s.deleted for s in manifest.segments),
        passages=manifest.passages,
        segments=len(manifest.segments),
        bytes=sum(file.bytes for s in manifest.segments for file in s.files.values()),
        vectors=manifest.vectors,
        model=manifest.model,
        tokenizer_fingerprint=manifest.tokenizer_fingerprint,
        analyzer=manifest.analyzer,
        chunking=manifest.chunking,
        settings=checked_settings(manifest.settings),
    )
