"""What is compared: an index, or documents from anywhere, and the model that makes their vectors."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from ...errors import ArgumentError
from ...errors.arguments import described
from ...index import Document, DocumentReader, DocumentsLike, Index, Predicate, given_documents, read_documents
from ...retrieval import DEFAULT_ENCODER, Encoder
from ..indexing import Begun
from ..models import Devices, load_encoder, require_encoder
from .collecting import Collected, Files, of_documents, of_index


@dataclass(frozen=True, slots=True)
class Source:
    """What is compared.

    Attributes:
        documents: An index, pinned to its generation, or documents.
        encoder: Makes the vectors of documents; None for an index, which has them.
        where: Only documents of the index that match; None takes all.
    """

    documents: Index | Iterable[Document]
    encoder: Encoder | None
    where: Predicate | None

    @property
    def index(self) -> Index | None:
        """The index, if it is one."""
        return self.documents if isinstance(self.documents, Index) else None

    @contextmanager
    def collected(self, *, batch_size: int, progress: bool) -> Generator[Collected]:
        """Read the documents, with a vector for each text, into temporary files that end with the block."""
        with TemporaryFile() as texts_file, TemporaryFile() as vectors_file:
            files = Files(texts_file, vectors_file)
            if isinstance(self.documents, Index):
                yield of_index(self.documents, files, where=self.where, progress=progress)
            elif self.encoder is not None:
                yield of_documents(self.documents, self.encoder, files, batch_size=batch_size, progress=progress)


def source_of(
    documents: DocumentsLike | Index | str | Path,
    encoder: str | Path | Encoder | None,
    *,
    where: Predicate | None,
    device: Devices,
) -> Source:
    """Open an index, or begin to read documents, and then load a model: mistakes show before that.

    Raises:
        ArgumentError: An argument is not valid, or is for the other kind of source.
        SourceError: A file cannot be read.
        ModelError: The model is not available.
    """
    source = documents
    if isinstance(source, str | Path):
        has_index = Index.on_disk(source).newest is not None
        source = Index.open(source) if has_index else read_documents(source, keep_copies=True)
    if isinstance(source, Index):
        if encoder is not None:
            raise ArgumentError(f"encoder={described(encoder)} is for documents; an index has its vectors already")
        pinned = source.pinned()
        if where is not None:
            pinned.count(where)  # a predicate that cannot be read is refused before anything is read
        return Source(pinned, None, where)
    if where is not None:
        raise ArgumentError(
            f"where={described(where)} is for an index: build one with `bicross index`, or give documents that match"
        )
    checked = given_documents(source, keep_copies=True)
    begun = Begun(checked) if isinstance(checked, DocumentReader) else checked
    return Source(begun, _encoder(encoder, device), None)


def _encoder(encoder: str | Path | Encoder | None, device: Devices) -> Encoder:
    if encoder is None or isinstance(encoder, str | Path):
        return load_encoder(DEFAULT_ENCODER if encoder is None else encoder, device=device)
    require_encoder(encoder)
    return encoder
