"""Every error that bicross raises on purpose.

The tree of them::

    BicrossError
    ├── ArgumentError (also a ValueError): a value from the caller that cannot be used
    │   └── QueryError: a query that cannot be searched
    ├── ClusterError: a cluster that is not there, or that did not do its work
    │   └── ShardsUnavailable: parts of an index that do not answer
    ├── DocumentError: a document or a row of a source that cannot be indexed
    ├── EvaluationError: queries, judgments or a run that cannot be measured
    ├── SourceError: a document source that is missing, empty or of an unknown kind
    ├── IndexStoreError: an index folder that cannot be used
    │   ├── IndexNotFound
    │   ├── IndexExists
    │   ├── IndexCorrupt
    │   ├── IndexLocked
    │   ├── IndexModelMismatch
    │   ├── IndexReadOnly
    │   ├── ObjectStoreError: an object store that cannot be used
    │   └── PublishConflict
    ├── MissingPackage (also an ImportError): a package that an extra of bicross installs
    ├── PipelineClosed: a pipeline that is searched after its end
    ├── StoreError: a vector store of another project that cannot be searched
    ├── TrainingError: a model that cannot be trained, for its data, a package or the disk
    └── ModelError: a model that cannot be used
        ├── ModelNotFound
        └── ModelCorrupt

``except BicrossError`` catches them all.
"""

__all__ = [
    "ArgumentError",
    "BicrossError",
    "ClusterError",
    "DocumentError",
    "EvaluationError",
    "IndexCorrupt",
    "IndexExists",
    "IndexLocked",
    "IndexModelMismatch",
    "IndexNotFound",
    "IndexReadOnly",
    "IndexStoreError",
    "MissingPackage",
    "ModelCorrupt",
    "ModelError",
    "ModelNotFound",
    "ObjectStoreError",
    "PipelineClosed",
    "PublishConflict",
    "QueryError",
    "ShardsUnavailable",
    "SourceError",
    "StoreError",
    "TrainingError",
]


class BicrossError(Exception):
    """The root: catch it to catch whatever bicross raises on purpose."""


class ArgumentError(BicrossError, ValueError):
    """A value from the caller cannot be used; the message names the value and what is allowed.

    Attributes:
        own_names: Names in the message that are not the caller's: a server may repeat them.
    """

    own_names: tuple[str, ...] = ()


class QueryError(ArgumentError):
    """A query cannot be searched: blank, too long, or not text."""


class ClusterError(BicrossError):
    """A cluster is not there, or did not do its work."""


class _PlacedError(BicrossError):
    """Something in a file is wrong. ``source`` and ``line`` say where it stands, where that is known.

    ``remedy`` is what the message ends with, and ``unit`` what ``line`` counts.
    """

    def __init__(
        self,
        reason: str,
        *,
        source: str | None = None,
        line: int | None = None,
        remedy: str | None = None,
        unit: str = "line",
    ) -> None:
        self.reason = reason
        self.source = source
        self.line = line
        self.remedy = remedy
        position = "" if source is None else source if line is None else f"{source}, {unit} {line}"
        message = f"{reason}; {remedy}" if remedy else reason
        super().__init__(f"{position}: {message}" if position else message)


class DocumentError(_PlacedError):
    """A document cannot be indexed. ``source`` and ``line`` say where it stands, where that is known."""


class EvaluationError(_PlacedError):
    """Queries, judgments or a run cannot be measured. ``source`` and ``line`` say where it stands, where known."""


class TrainingError(_PlacedError):
    """A model cannot be trained. ``source`` and ``line`` say where in the data the reason stands, where it does."""


class SourceError(BicrossError):
    """A document source is missing, empty, or of a kind that bicross does not read."""


class IndexStoreError(BicrossError):
    """An index folder cannot be used as asked."""


class IndexNotFound(IndexStoreError):
    """There is no index at that path."""


class IndexExists(IndexStoreError):
    """The output path is taken."""


class IndexCorrupt(IndexStoreError):
    """A file of the index is missing, damaged, or not what its manifest says."""


class IndexLocked(IndexStoreError):
    """Another writer holds the index."""


class IndexModelMismatch(IndexStoreError):
    """The index was built with another model than the one it is to be searched with."""


class ShardsUnavailable(ClusterError):
    """Shards of an index do not answer; the message names them.

    Attributes:
        shards: Their numbers, from 0.
    """

    def __init__(self, message: str, shards: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.shards = shards


class IndexReadOnly(IndexStoreError):
    """The index was opened from a store, where it cannot be changed."""


class PublishConflict(IndexStoreError):
    """What a store holds is not an earlier state of the index that is to be published there."""


class ObjectStoreError(IndexStoreError):
    """An object store does not answer, does not let the caller in, or lacks what publishing needs."""


class MissingPackage(BicrossError, ImportError):
    """A package that is needed here is not installed; the message names the extra that installs it."""


class PipelineClosed(BicrossError):
    """A search pipeline was closed and is used again."""


class StoreError(BicrossError):
    """A vector store of another project cannot be searched: it is not reachable, or holds what does not fit."""


class ModelError(BicrossError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """A model is neither on this machine nor to be had."""


class ModelCorrupt(ModelError):
    """A model's files are not the ones they should be."""
