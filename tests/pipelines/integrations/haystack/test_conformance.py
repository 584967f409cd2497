"""Haystack's own suites of document stores over BicrossDocumentStore, sync and async."""

import dataclasses
import os

import pytest

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
pytest.importorskip("haystack", reason="needs haystack-ai: pip install 'bicross[haystack]'")

from bicross.pipelines import build_index
from bicross.pipelines.integrations.haystack import BicrossDocumentStore
from haystack.dataclasses import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.testing import document_store as suites
from haystack.testing import document_store_async as async_suites
from helpers.fakes import HashEncoder


class OverAnIndex:
    """The index makes vectors of its own; all else of a document comes back as it was."""

    @pytest.fixture
    def document_store(self, tmp_path):
        encoder = HashEncoder()
        build_index([], tmp_path / "store", encoder=encoder, reranker=None, lexical=False)
        return BicrossDocumentStore(tmp_path / "store", encoder=encoder)

    @staticmethod
    def assert_documents_are_equal(received, expected):
        assert received == [dataclasses.replace(document, embedding=None) for document in expected]


class TestDocumentStore(
    OverAnIndex,
    suites.DocumentStoreBaseExtendedTests,
    suites.CountDocumentsByFilterTest,
):
    def test_write_documents(self, document_store):
        document = Document(content="a document")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError, match=r"already; DuplicatePolicy\.SKIP keeps it"):
            document_store.write_documents([document, Document(content="another")], DuplicatePolicy.NONE)
        assert document_store.filter_documents() == [document]


class TestDocumentStoreAsync(
    OverAnIndex,
    async_suites.CountDocumentsAsyncTest,
    async_suites.WriteDocumentsAsyncTest,
    async_suites.DeleteDocumentsAsyncTest,
    async_suites.FilterDocumentsAsyncTest,
    async_suites.CountDocumentsByFilterAsyncTest,
    async_suites.DeleteAllAsyncTest,
    async_suites.DeleteByFilterAsyncTest,
    async_suites.UpdateByFilterAsyncTest,
):
    async def test_write_documents_async(self, document_store):
        assert await document_store.write_documents_async([Document(content="a document")]) == 1
