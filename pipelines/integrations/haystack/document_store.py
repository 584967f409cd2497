"""BicrossDocumentStore: an index as a document store of Haystack."""

import asyncio
import dataclasses
import threading
from pathlib import Path
from typing import Any, Self

from haystack import Document, default_from_dict, default_to_dict
from haystack.document_stores.types import DuplicatePolicy

from ....errors import ArgumentError, IndexNotFound
from ....errors.arguments import checked_flag, checked_mapping, checked_path
from ....index import Index
from ....retrieval import DEFAULT_ENCODER, Encoder
from ...indexing import add_documents, build_index, delete_documents, upsert_documents
from ...models import load_encoder, open_encoder
from .documents import bicross_documents, checked_documents, haystack_document
from .errors import DuplicateDocument, UnusableFilter
from .filters import where_of
from .serialising import by_name


class BicrossDocumentStore:
    """An index that Haystack fills, changes and searches. It is opened when it is first used.

    A document goes to the index with its id; its content is embedded by the encoder of the index, and ``meta`` is for
    filters. Every change is one commit, and is on disk when the call returns. Threads may share a store; of several
    processes one writes at a time. Each method has an awaitable twin, such as ``write_documents_async``.

    Args:
        index: The folder of the index.
        encoder: The name of a model, or an encoder; None is the model that built the index, or for a new one the
            default.
        create: Make an empty index where there is none.
        device: Where a model given by name runs; None is the fastest there is.

    Raises:
        IndexNotFound: At the first use, there is no index at the path, and ``create`` is False.
        IndexModelMismatch: At the first use, the encoder is not the model that built the index.

    Example:
        >>> store = BicrossDocumentStore("my-index", create=True)
        >>> store.write_documents([Document(content="The heart pumps blood.", meta={"year": 2020})])
    """

    def __init__(
        self,
        index: str | Path,
        *,
        encoder: str | Encoder | None = None,
        create: bool = False,
        device: str | None = None,
    ) -> None:
        self.path = checked_path(index, "index")
        self._given = encoder
        self._create = checked_flag(create, "create")
        self._device = device
        self._opened: tuple[Index, Encoder] | None = None
        self._opening, self._writing = threading.Lock(), threading.Lock()

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` makes the same store of.

        Raises:
            ArgumentError: The encoder was given as an object, which has no name.
        """
        return default_to_dict(
            self,
            index=str(self.path),
            encoder=by_name(self._given, "encoder"),
            create=self._create,
            device=self._device,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make a store of what ``to_dict`` returned."""
        return default_from_dict(cls, data)

    def open(self) -> tuple[Index, Encoder]:
        """Return the index, on its newest generation, and its encoder."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            index, encoder = self._opened
        index.refresh()
        return index.pinned(), encoder

    def count_documents(self) -> int:
        """Count the documents."""
        return len(self.open()[0])

    def count_documents_by_filter(self, filters: dict[str, Any]) -> int:
        """Count the documents that match a filter."""
        index, where = self.open()[0], where_of(filters)
        if where is None or not len(index):
            return len(index)
        try:
            return index.count(where)
        except ArgumentError as error:
            raise UnusableFilter(str(error)) from None

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """Return the documents that match a filter, in the order in which they were written; without one, all."""
        index, where = self.open()[0], where_of(filters)
        if where is None or not len(index):
            return [haystack_document(document) for document in index.documents()]
        try:
            return [haystack_document(document) for document, _ in index.embedded_documents(where=where)]
        except ArgumentError as error:
            raise UnusableFilter(str(error)) from None

    def write_documents(self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Write documents in one commit.

        Args:
            documents: The documents.
            policy: What becomes of one whose id is in the store: with NONE and FAIL it is an error, and nothing is
                written.

        Returns:
            How many documents were written.

        Raises:
            DuplicateDocument: A document is in the store already.
            DocumentError: A document has no text, or ``meta`` holds what JSON does not have.
        """
        given = bicross_documents(checked_documents(documents))
        if not given:
            return 0
        with self._writing:
            index, encoder = self.open()
            if policy == DuplicatePolicy.OVERWRITE:
                upsert_documents(self.path, given, encoder=encoder)
                return len(given)
            if policy == DuplicatePolicy.SKIP:
                distinct = {document.id: document for document in reversed(given)}  # of equal ids the first counts
                held = index.get(list(distinct))
                new = [document for document, old in zip(distinct.values(), held, strict=True) if old is None]
                return add_documents(self.path, new[::-1], encoder=encoder) if new else 0
            ids = [document.id for document in given]
            held = index.get(ids)
            for number, id_ in enumerate(ids):
                if held[number] is not None or id_ in ids[:number]:
                    raise DuplicateDocument(
                        f"there is a document {id_!r} already; DuplicatePolicy.SKIP keeps it, and OVERWRITE replaces it"
                    )
            return add_documents(self.path, given, encoder=encoder)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete documents by id, in one commit; unknown ids are ignored."""
        with self._writing:
            self.open()
            delete_documents(self.path, document_ids)

    def delete_by_filter(self, filters: dict[str, Any]) -> int:
        """Delete the documents that match a filter, in one commit, and return how many these were.

        Raises:
            UnusableFilter: The filter is empty, or cannot be used.
        """
        where = where_of(filters)
        if where is None:
            raise UnusableFilter("delete_by_filter needs a filter; delete_all_documents deletes all")
        with self._writing:
            if not len(self.open()[0]):
                return 0
            try:
                return delete_documents(self.path, where=where)
            except ArgumentError as error:
                raise UnusableFilter(str(error)) from None

    def update_by_filter(self, filters: dict[str, Any], meta: dict[str, Any]) -> int:
        """Set entries of the ``meta`` of the documents that match a filter, in one commit; nothing is embedded.

        Args:
            filters: The filter.
            meta: The entries, which join those that a document has, or take their place.

        Returns:
            How many documents match.

        Raises:
            UnusableFilter: The filter is empty, or cannot be used.
            DocumentError: ``meta`` holds what JSON does not have.
        """
        where, entries = where_of(filters), checked_mapping(meta, "meta", "entries")
        if where is None:
            raise UnusableFilter("update_by_filter needs a filter, so that no mistake changes every document")
        with self._writing:
            index, encoder = self.open()
            matching = self.count_documents_by_filter(filters) if len(index) else 0
            if matching:
                found = (document for document, _ in index.embedded_documents(where=where))
                changed = (
                    dataclasses.replace(document, metadata={**document.metadata, **entries}) for document in found
                )
                upsert_documents(self.path, changed, encoder=encoder)
            return matching

    def delete_all_documents(self) -> None:
        """Delete all documents, in one commit."""
        with self._writing:
            delete_documents(self.path, list(self.open()[0].ids()))

    async def count_documents_async(self) -> int:
        """``count_documents`` in a thread."""
        return await asyncio.to_thread(self.count_documents)

    async def count_documents_by_filter_async(self, filters: dict[str, Any]) -> int:
        """``count_documents_by_filter`` in a thread."""
        return await asyncio.to_thread(self.count_documents_by_filter, filters)

    async def filter_documents_async(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """``filter_documents`` in a thread."""
        return await asyncio.to_thread(self.filter_documents, filters)

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """``write_documents`` in a thread."""
        return await asyncio.to_thread(self.write_documents, documents, policy)

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        """``delete_documents`` in a thread."""
        await asyncio.to_thread(self.delete_documents, document_ids)

    async def delete_by_filter_async(self, filters: dict[str, Any]) -> int:
        """``delete_by_filter`` in a thread."""
        return await asyncio.to_thread(self.delete_by_filter, filters)

    async def update_by_filter_async(self, filters: dict[str, Any], meta: dict[str, Any]) -> int:
        """``update_by_filter`` in a thread."""
        return await asyncio.to_thread(self.update_by_filter, filters, meta)

    async def delete_all_documents_async(self) -> None:
        """``delete_all_documents`` in a thread."""
        await asyncio.to_thread(self.delete_all_documents)

    def _open(self) -> tuple[Index, Encoder]:
        if self._create and not self.path.exists():
            name = DEFAULT_ENCODER if self._given is None else self._given
            encoder = load_encoder(name, device=self._device) if isinstance(name, str) else name
            return build_index([], self.path, encoder=encoder), encoder
        try:
            index = Index.open(self.path)
        except IndexNotFound as error:
            raise IndexNotFound(f"{error}, or let the store make an empty one: create=True") from None
        return index, open_encoder(index, self._given, device=self._device)
