"""The adapters of LlamaIndex in its own engines. It has no suite for such parts."""

import asyncio

import pytest

pytest.importorskip("llama_index.core", reason="needs llama-index-core: pip install 'bicross[llama-index]'")

import numpy as np
from bicross.errors import ArgumentError, IndexNotFound, QueryError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.integrations.llama_index import BicrossEmbedding, BicrossReranker, BicrossRetriever
from helpers.fakes import HashEncoder, OverlapReranker
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

pytestmark = pytest.mark.slow  # to load LlamaIndex takes seconds

ENCODER, RERANKER = HashEncoder(), OverlapReranker()
LONG = " ".join(f"Sentence {number} is about thing{number}." for number in range(40))
NODES = [TextNode(id_=text, text=text) for text in ("the sea rises", "bread is baked", "a ship on the sea")]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    documents = [Document("long", LONG, "Things", {"n": 1}), Document("short", "A tide of the sea.")]
    return build_index(documents, tmp_path_factory.mktemp("llama") / "i", encoder=ENCODER, reranker=None)


def retriever_over(index, **values):
    return BicrossRetriever(index, **({"encoder": ENCODER, "reranker": RERANKER} | values))


def test_a_retriever_returns_what_the_pipeline_finds(index):
    [found] = retriever_over(index, top_k=1).retrieve("thing37")
    [result] = SearchPipeline.open(index, encoder=ENCODER, reranker=RERANKER, top_k=1).search("thing37")
    assert found.score == result.relevance
    assert found.node.text == result.passage.text != LONG
    assert LONG[found.node.start_char_idx : found.node.end_char_idx] == found.node.text
    assert found.node.ref_doc_id == "long"
    assert found.node.metadata == {"n": 1, "title": "Things"}
    [whole] = retriever_over(index, top_k=1, content="document").retrieve("thing37")
    assert (whole.node.node_id, whole.node.text) == ("long", LONG)
    [by_where] = asyncio.run(retriever_over(index, where="n is null").aretrieve("thing37"))
    assert (by_where.node.node_id, by_where.node.text) == ("short", "A tide of the sea.")


def test_a_query_engine_asks_with_both_parts(index):
    engine = RetrieverQueryEngine.from_args(
        retriever_over(index, reranker=None, top_k=2),
        llm=MockLLM(),
        node_postprocessors=[BicrossReranker(model=RERANKER, top_n=1)],
    )
    response = engine.query("the tide of the sea")
    assert [found.node.node_id for found in response.source_nodes] == ["short"]
    assert "A tide of the sea." in str(response)
    assert asyncio.run(engine.aquery("the tide of the sea")).source_nodes == response.source_nodes


def test_a_reranker_orders_as_the_model_does():
    nodes = [NodeWithScore(node=node, score=9.0) for node in NODES]
    logits = RERANKER.score([("the sea", node.text) for node in NODES])
    ranked = BicrossReranker(model=RERANKER).postprocess_nodes(nodes, query_str="the sea")
    assert [found.node.node_id for found in ranked] == [NODES[place].node_id for place in np.argsort(-logits)]
    np.testing.assert_allclose([found.score for found in ranked], np.sort(1 / (1 + np.exp(-logits)))[::-1], rtol=1e-6)
    assert nodes[0].score == 9.0
    assert len(BicrossReranker(model=RERANKER, top_n=1).postprocess_nodes(nodes, QueryBundle("sea"))) == 1


def test_embeddings_are_the_encoders_and_serve_an_index_of_theirs():
    embedding = BicrossEmbedding(ENCODER)
    assert embedding.model_name == "hash-encoder"
    np.testing.assert_array_equal(embedding.get_query_embedding("the sea"), ENCODER.encode_queries(["the sea"])[0])
    texts = [node.text for node in NODES]
    np.testing.assert_array_equal(embedding.get_text_embedding_batch(texts), ENCODER.encode_documents(texts))
    np.testing.assert_array_equal(asyncio.run(embedding.aget_text_embedding("a")), ENCODER.encode_documents(["a"])[0])
    theirs = VectorStoreIndex(NODES, embed_model=embedding).as_retriever(similarity_top_k=1)
    assert theirs.retrieve("bread is baked")[0].node.node_id == "bread is baked"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i: retriever_over(i, top_k=0), ArgumentError, "top_k must be at least 1, not 0"),
        (lambda i: retriever_over(i, content="text"), ArgumentError, "content must be one of"),
        (lambda i: BicrossRetriever("nowhere"), IndexNotFound, "nowhere"),
        (lambda i: BicrossRetriever(5), ArgumentError, "index must be the folder of an index"),
        (lambda i: retriever_over(i).retrieve(" "), QueryError, "is blank"),
        (lambda i: retriever_over(i, where="yaer > 1").retrieve("a"), ArgumentError, "no field 'yaer'"),
        (lambda i: BicrossReranker(top_n=0), ArgumentError, "top_n must be at least 1"),
        (lambda i: BicrossReranker(topn=1), ValueError, "topn"),
        (lambda i: BicrossReranker(model=RERANKER).postprocess_nodes([]), QueryError, "needs the query"),
        (lambda i: BicrossEmbedding(5), ArgumentError, "encoder must be a model or the name of one"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(index, call, error, message):
    with pytest.raises(error, match=message):
        call(index)
