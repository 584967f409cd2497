"""DescribedIndex: what one generation of an index says of itself: models, counts, settings, fields."""

from collections.abc import Mapping
from pathlib import Path

from .chunking import Chunking
from .filters import FieldInfo, describe_fields
from .info import IndexInfo, info_of
from .manifest import Manifest, ModelFingerprint, checked_settings
from .reading import Snapshot


class DescribedIndex:
    """One generation of an index, with what its manifest says and which fields its documents have."""

    def __init__(self, path: Path, snapshot: Snapshot) -> None:
        self.path = path
        self._snapshot = snapshot

    def __len__(self) -> int:
        """The number of live documents."""
        return len(self._snapshot)

    @property
    def generation(self) -> int:
        """The number of the open generation. It grows with every commit."""
        return self._manifest.generation

    @property
    def model(self) -> ModelFingerprint:
        """The model that made the vectors."""
        return self._manifest.model

    @property
    def chunking(self) -> Chunking | None:
        """How the documents were split; None if each is one passage."""
        return self._manifest.chunking

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer whose token ids the index stores; empty if it stores none."""
        return self._manifest.tokenizer_fingerprint

    @property
    def analyzer(self) -> str:
        """The name of the analyzer whose terms the index stores; empty if it stores none."""
        return self._manifest.analyzer

    @property
    def late_interaction_fingerprint(self) -> str:
        """The sha256 of the late-interaction model whose token vectors the index stores; empty if it stores none."""
        return self._manifest.late_interaction_fingerprint

    @property
    def settings(self) -> Mapping[str, object]:
        """A copy of the settings that ``Index.set_settings`` stored; ``{}`` at first."""
        return checked_settings(self._manifest.settings)

    def fields(self) -> tuple[FieldInfo, ...]:
        """Describe the fields of the metadata: kinds of values, ranges, and how many documents have none.

        Fields of objects, and of values of several types, are read from the documents, which takes time.
        """
        return describe_fields(self._snapshot.fields, len(self))

    def info(self) -> IndexInfo:
        """Return counts, the size on disk, the vector layout and the models."""
        return info_of(self.path, self._manifest)

    @property
    def _manifest(self) -> Manifest:
        return self._snapshot.manifest
