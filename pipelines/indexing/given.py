"""Checks what is to be indexed and with which encoder, before anything slow."""

from collections.abc import Iterable
from pathlib import Path

from ...errors import ArgumentError, IndexStoreError
from ...index import Document, DocumentReader, DocumentsLike, Index, given_documents
from ...retrieval import Encoder
from ..models import Devices, load_encoder, require_encoder
from .begun import Begun


def checked_documents(documents: DocumentsLike) -> Iterable[Document]:
    """Check a source of documents before a model is loaded, which takes seconds."""
    checked = given_documents(documents)
    return Begun(checked) if isinstance(checked, DocumentReader) else checked


def loaded_encoder(encoder: str | Path | Encoder, device: Devices) -> Encoder:
    """Load an encoder that is given by name, and check another one."""
    if isinstance(encoder, str | Path):
        return load_encoder(encoder, device=device)
    if device is not None:
        raise ArgumentError(f"device={device!r} is for an encoder that is given by name; this one is loaded already")
    require_encoder(encoder)
    return encoder


def is_empty_list(documents: object) -> bool:
    """Whether somebody wants an index without documents."""
    return isinstance(documents, list | tuple) and not documents


def check_no_documents(documents: DocumentsLike, path: str | Path, *, overwrite: bool) -> None:
    """Refuse to make an index without documents, unless an empty list was given and nothing is lost."""
    if not is_empty_list(documents):
        raise ArgumentError(
            f"there are no documents to index: what was given, {type(documents).__name__}, has none; an empty list "
            "makes an empty index"
        )
    if overwrite and _holds_documents(path):
        raise ArgumentError(f"there are no documents to replace those in {path}; delete the index instead")


def _holds_documents(path: str | Path) -> bool:
    """Whether there is an index with a document at ``path``."""
    try:
        return len(Index.open(path, verify="size")) > 0
    except IndexStoreError:
        return False
