"""LangChain's own suites, whole, over the adapters."""

import pytest

pytest.importorskip("langchain_tests", reason="needs langchain-tests: pip install langchain-core langchain-tests")

from bicross.pipelines import build_index
from bicross.pipelines.integrations.langchain import BicrossEmbeddings, BicrossRetriever, BicrossVectorStore
from helpers.fakes import HashEncoder, OverlapReranker
from langchain_tests import integration_tests, unit_tests

TEXTS = [f"document {number} about the heart" for number in range(5)]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(TEXTS, tmp_path_factory.mktemp("langchain") / "index", encoder=HashEncoder(), reranker=None)


class TestRetriever(integration_tests.RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def over(self, index):
        self.index = index

    @property
    def retriever_constructor(self):
        return BicrossRetriever

    @property
    def retriever_constructor_params(self):
        return {"index": self.index, "encoder": HashEncoder(), "reranker": OverlapReranker()}

    @property
    def retriever_query_example(self):
        return "the heart"


class TestVectorStoreOverOtherEmbeddings(integration_tests.VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path):
        return BicrossVectorStore.from_texts([], self.get_embeddings(), index=tmp_path / "store")


class TestVectorStore(integration_tests.VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path):
        return BicrossVectorStore.from_texts([], HashEncoder(), index=tmp_path / "store", reranker=OverlapReranker())


class TestEmbeddings(integration_tests.EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self):
        return BicrossEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": HashEncoder()}


class TestEmbeddingsAsAUnit(unit_tests.EmbeddingsUnitTests):
    @property
    def embeddings_class(self):
        return BicrossEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": HashEncoder()}
