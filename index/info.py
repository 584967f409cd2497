"""IndexInfo: counts, sizes and models of an index, read from its manifest alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .chunking import Chunking
from .manifest import TOKEN_VECTORS_NAMES, Manifest, ModelFingerprint, VectorLayout, checked_settings
from .writing import older_generations


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What ``bicross info`` shows of an index.

    Attributes:
        path: The folder.
        uuid: The identity of the index; a copy has the same.
        generation: The number of the open generation.
        older_generations: Those that it can be rolled back to.
        documents: Live documents.
        deleted: Deleted documents that still take space.
        passages: Passages, those of deleted documents included.
        segments: Segments.
        bytes: Size on disk, in bytes, of all files of the segments.
        vectors: How vectors are stored and searched.
        model: The model that made the vectors.
        tokenizer_fingerprint: The sha256 of the tokenizer whose token ids are stored; empty for none.
        analyzer: The name of the analyzer whose terms are stored; empty for none.
        late_interaction_fingerprint: The sha256 of the model whose token vectors are stored; empty for none.
        token_vector_bytes: Size on disk, in bytes, of the token vectors; it is part of ``bytes``.
        chunking: How documents were split; None where each is one passage.
        settings: What ``Index.set_settings`` stored.
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
    late_interaction_fingerprint: str
    token_vector_bytes: int
    chunking: Chunking | None
    settings: Mapping[str, object]


def info_of(path: Path, manifest: Manifest) -> IndexInfo:
    """The description of one generation of the index at ``path``."""
    return IndexInfo(
        path=str(path),
        uuid=manifest.uuid,
        generation=manifest.generation,
        older_generations=tuple(older_generations(path)),
        documents=manifest.documents,
        deleted=sum(s.deleted for s in manifest.segments),
        passages=manifest.passages,
        segments=len(manifest.segments),
        bytes=sum(file.bytes for s in manifest.segments for file in s.files.values()),
        vectors=manifest.vectors,
        model=manifest.model,
        tokenizer_fingerprint=manifest.tokenizer_fingerprint,
        analyzer=manifest.analyzer,
        late_interaction_fingerprint=manifest.late_interaction_fingerprint,
        token_vector_bytes=sum(s.files[TOKEN_VECTORS_NAMES.file].bytes for s in manifest.segments)
        if manifest.late_interaction_fingerprint
        else 0,
        chunking=manifest.chunking,
        settings=checked_settings(manifest.settings),
    )
