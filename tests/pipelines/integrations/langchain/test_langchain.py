"""What LangChain's suites do not try: filters, MMR, the indexing API, chains, threads and errors."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("langchain_core", reason="needs langchain-core: pip install 'bicross[langchain]'")

import numpy as np
import pyarrow.compute as pc
from bicross.errors import (
    ArgumentError,
    BicrossError,
    DocumentError,
    IndexExists,
    IndexModelMismatch,
    IndexNotFound,
    MissingPackage,
    ModelError,
    QueryError,
)
from bicross.index import Document as BicrossDocument
from bicross.index import Index
from bicross.pipelines import SearchPipeline, build_index, models
from bicross.pipelines.integrations import langchain as adapters
from bicross.pipelines.integrations.langchain import (
    BicrossEmbeddings,
    BicrossReranker,
    BicrossRetriever,
    BicrossVectorStore,
)
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.wrong_values import WRONG, is_answered
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

ENCODER, RERANKER = HashEncoder(), OverlapReranker()
DOCUMENTS = [
    Document(id="heart", page_content="the heart pumps blood", metadata={"year": 2020, "tags": ["body", "blood"]}),
    Document(id="moon", page_content="the moon pulls the sea", metadata={"year": 2015, "tags": ["sky"]}),
    Document(id="bread", page_content="bread is baked from flour", metadata={"year": 1999, "kind": "food"}),
    Document(id="sea", page_content="the sea rises and falls", metadata={"year": 2021, "kind": "water"}),
]


@pytest.fixture
def store(tmp_path):
    return BicrossVectorStore.from_documents(DOCUMENTS, ENCODER, index=tmp_path / "store", reranker=RERANKER)


@pytest.fixture(scope="module")
def long_index(tmp_path_factory):
    """Two documents, of which one has several passages."""
    text = " ".join(f"Sentence {number} is about thing{number}." for number in range(40))
    documents = [BicrossDocument("long", text, "Things", {"n": 1}), BicrossDocument("short", "A tide of the sea.")]
    return build_index(documents, tmp_path_factory.mktemp("langchain") / "i", encoder=ENCODER, reranker=None)


def retriever_over(index, **values):
    return BicrossRetriever(index=index, **({"encoder": ENCODER, "reranker": RERANKER} | values))


def test_a_retriever_returns_what_the_pipeline_finds(long_index):
    retriever = retriever_over(long_index, k=1)
    [found] = retriever.invoke("thing37")
    [result] = SearchPipeline.open(long_index, encoder=ENCODER, reranker=RERANKER, top_k=1).search("thing37")
    assert found.id == "long"
    assert found.page_content == result.passage.text != result.document.text
    expected = {"n": 1, "title": "Things", "start_index": result.passage.start, "relevance_score": result.relevance}
    assert found.metadata == expected
    [whole] = retriever_over(long_index, k=1, content="document").invoke("thing37")
    assert whole.page_content == result.document.text
    assert "start_index" not in whole.metadata
    assert asyncio.run(retriever.ainvoke("sea", k=2, where="n == 1"))[0].id == "long"
    assert [found.id for found in retriever_over(long_index, where="n is null").invoke("sea")] == ["short"]


def test_a_retriever_takes_a_pipeline_and_stands_in_a_chain(long_index):
    pipeline = SearchPipeline.open(long_index, encoder=ENCODER, reranker=RERANKER)
    chain = {"context": BicrossRetriever(index=pipeline, k=1), "question": RunnablePassthrough()} | RunnableLambda(
        lambda given: f"{given['question']} {given['context'][0].id}"
    )
    assert chain.invoke("sea tide") == "sea tide short"
    with pytest.raises(ArgumentError, match=r"encoder=.* is for an index that is opened here"):
        BicrossRetriever(index=pipeline, encoder=ENCODER)


def test_a_reranker_orders_as_the_model_does():
    documents = [Document(page_content=text, metadata={"n": n}) for n, text in enumerate(["sea", "a b", "a sea b"])]
    compressed = BicrossReranker(model=RERANKER).compress_documents(documents, "sea b")
    logits = RERANKER.score([("sea b", document.page_content) for document in documents])
    assert [found.metadata["n"] for found in compressed] == np.argsort(-logits, kind="stable").tolist()
    scores = [found.metadata["relevance_score"] for found in compressed]
    np.testing.assert_allclose(scores, np.sort(1 / (1 + np.exp(-logits)))[::-1], rtol=1e-6)
    assert "relevance_score" not in documents[0].metadata
    reranker = BicrossReranker(model=RERANKER, top_n=1)
    assert len(asyncio.run(reranker.acompress_documents(documents, "sea"))) == 1
    assert reranker.compress_documents([], "sea") == []


def test_embeddings_are_the_encoders():
    embeddings = BicrossEmbeddings(ENCODER)
    np.testing.assert_array_equal(embeddings.embed_query("the sea"), ENCODER.encode_queries(["the sea"])[0])
    np.testing.assert_array_equal(embeddings.embed_documents(["a", "b"]), ENCODER.encode_documents(["a", "b"]))
    assert embeddings.embed_documents([]) == []


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({"year": 2020}, "heart"),
        ({"year": {"$gte": 2000, "$lt": 2021}}, "heart moon"),
        ({"kind": {"$in": ["food", "water"]}, "year": {"$ne": 1999}}, "sea"),
        ({"kind": {"$nin": ["food"]}}, "sea"),
        ({"$or": [{"kind": "food"}, {"year": {"$gt": 2020}}]}, "bread sea"),
        ({"$and": [{"year": {"$lte": 2020}}, {"$not": {"year": 2015}}]}, "bread heart"),
        ({"kind": {"$exists": False}}, "heart moon"),
        ({"kind": None}, "heart moon"),
        ({"kind": {"$ne": None}}, "bread sea"),
        ({"tags": {"$contains": "sky"}}, "moon"),
        ({"year": {"$between": [2015, 2020]}}, "heart moon"),
        ("year >= 2020 or 'sky' in tags", "heart moon sea"),
        (pc.field("year") < 2000, "bread"),
        ({}, "bread heart moon sea"),
    ],
)
def test_filters(store, given, ids):
    assert sorted(found.id for found in store.similarity_search("the sea", k=9, filter=given)) == ids.split()


def test_a_text_of_a_filter_is_only_a_text(tmp_path):
    names = ["it's", 'a "quote"', "back\\slash", "two\nlines", "tab\t", "' or year > 0 or kind == '", "é\u2028"]
    store = BicrossVectorStore.from_texts(
        [f"text {name}" for name in names],
        ENCODER,
        [{"the name": name, "year": 1} for name in names],
        ids=list(map(str, range(len(names)))),
        index=tmp_path / "names",
    )
    for number, name in enumerate(names):
        found = store.similarity_search("text", k=9, filter={"the name": name})
        assert [document.id for document in found] == [str(number)], name


def test_searches_with_scores_and_by_vector(store):
    query = "sea falls"
    results = SearchPipeline.open(store._path, encoder=ENCODER, reranker=RERANKER).search(query, top_k=3)
    scored = store.similarity_search_with_score(query, k=3)
    assert [(found.id, score) for found, score in scored] == [(r.document.id, r.score) for r in results]
    relevant = store.similarity_search_with_relevance_scores(query, k=3)
    assert [(found.id, score) for found, score in relevant] == [(r.document.id, r.relevance) for r in results]
    threshold = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": results[0].relevance, "k": 3}
    )
    assert [found.id for found in threshold.invoke(query)] == ["sea"]
    vector = (2 * ENCODER.encode_queries([query])[0]).tolist()
    [hits] = Index.open(store._path).search(ENCODER.encode_queries([query]), 3)
    by_vector = store.similarity_search_by_vector(vector, k=3)
    assert [found.id for found in by_vector] == [hit.document.id for hit in hits]
    assert asyncio.run(store.asimilarity_search(query, k=1, filter={"year": 2015}))[0].id == "moon"


def test_mmr_passes_over_what_says_the_same(tmp_path):
    texts = ["the sea rises", "the sea rises now", "the sea is cold and deep", "bread"]
    store = BicrossVectorStore.from_texts(texts, ENCODER, ids=["a", "b", "c", "d"], index=tmp_path / "mmr")
    vector = ENCODER.encode_queries(["the sea rises"])[0].tolist()
    assert {found.id for found in store.similarity_search("the sea rises", k=2)} == {"a", "b"}
    for diverse in (
        store.max_marginal_relevance_search("the sea rises", k=2, fetch_k=3, lambda_mult=0.3),
        store.max_marginal_relevance_search_by_vector(vector, k=2, fetch_k=3, lambda_mult=0.3),
        store.as_retriever(search_type="mmr", search_kwargs={"k": 2, "fetch_k": 3, "lambda_mult": 0.3}).invoke(
            "the sea rises"
        ),
    ):
        assert [found.id for found in diverse] == ["a", "c"]


def test_the_indexing_api_cleans_up(tmp_path):
    store = BicrossVectorStore.from_texts([], ENCODER, index=tmp_path / "store")
    records = InMemoryRecordManager("bicross")
    records.create_schema()

    def run(documents, cleanup):
        given = [Document(page_content=text, metadata={"source": source}) for source, text in documents]
        done = index(given, records, store, cleanup=cleanup, source_id_key="source", key_encoder="sha256")
        return done["num_added"], done["num_skipped"], done["num_deleted"]

    first = [("one", "the heart"), ("one", "the moon"), ("two", "the sea")]
    assert run(first, "incremental") == (3, 0, 0)
    ENCODER.encoded.clear()
    assert run(first, "incremental") == (0, 3, 0)
    assert ENCODER.encoded == []
    assert run([("one", "the heart")], "incremental") == (0, 1, 1)
    assert sorted(found.page_content for found in store.similarity_search("the", k=9)) == ["the heart", "the sea"]
    assert run([("two", "the sea")], "full") == (0, 1, 1)
    assert len(Index.open(tmp_path / "store")) == 1


def test_a_store_follows_its_own_changes_and_those_of_others(store):
    other = BicrossVectorStore(store._path, ENCODER)
    assert other.add_texts(["snow is cold"], [{"year": 2030}], ids=["snow"]) == ["snow"]
    assert store.similarity_search("snow", k=1)[0].id == "snow"
    assert store.delete(filter={"year": {"$gt": 2025}})
    assert store.delete(["nowhere"])
    assert other.get_by_ids(["snow", "sea", "nowhere"])[0].id == "sea"
    assert other.similarity_search("snow", k=1)[0].id != "snow"
    [made] = store.add_texts(["an id is made"])
    assert store.get_by_ids([made])[0].page_content == "an id is made"


def test_models_that_are_named_run_where_they_shall(tmp_path, monkeypatch):
    devices = []

    def load(name, device, *_):
        devices.append(device)
        return ENCODER

    monkeypatch.setattr(models, "_load_encoder", load)
    BicrossVectorStore.from_texts(["a"], "a/model", index=tmp_path / "i", device="cuda:1")
    BicrossVectorStore(tmp_path / "i", "a/model", device="cuda:1")
    assert set(devices) == {"cuda:1"}


def test_threads_write_and_search_one_store(store):
    def change(number):
        store.add_texts([f"word{number} of a thread"], ids=[f"t{number}"])
        return store.similarity_search(f"word{number}", k=1)[0].id

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(change, range(8))) == [f"t{number}" for number in range(8)]


def test_an_index_knows_the_embeddings_that_built_it(tmp_path):
    one, other = DeterministicFakeEmbedding(size=6), DeterministicFakeEmbedding(size=7)
    BicrossVectorStore.from_texts(["a"], one, index=tmp_path / "i")
    assert BicrossVectorStore(tmp_path / "i", one).similarity_search("a")[0].page_content == "a"
    with pytest.raises(IndexModelMismatch):
        BicrossVectorStore(tmp_path / "i", other)
    with pytest.raises(IndexExists):
        BicrossVectorStore.from_texts(["b"], one, index=tmp_path / "i")
    assert BicrossVectorStore.from_texts(["b"], one, index=tmp_path / "i", overwrite=True).get_by_ids(["x"]) == []


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.similarity_search(" "), QueryError, "query 0 is blank"),
        (lambda s: s.similarity_search("a", k=0), ArgumentError, "k must be at least 1, not 0"),
        (lambda s: s.similarity_search("a", top_k=3), ArgumentError, "no argument 'top_k' here"),
        (lambda s: s.similarity_search("a", filter=len), ArgumentError, "filter must be a dict, such as"),
        (lambda s: s.similarity_search("a", filter={"yaer": 1}), ArgumentError, "there is no field 'yaer'"),
        (lambda s: s.similarity_search("a", filter={"year": {"$near": 1}}), ArgumentError, r"cannot test by '\$near'"),
        (lambda s: s.similarity_search("a", filter={"$xor": []}), ArgumentError, r"'\$xor' is no operator before"),
        (lambda s: s.similarity_search("a", filter={"$or": []}), ArgumentError, "give it at least one"),
        (lambda s: s.similarity_search("a", filter={"year": object()}), ArgumentError, "compares with numbers, texts"),
        (lambda s: s.similarity_search_by_vector([1.0]), ArgumentError, "must be a vector of 64 numbers"),
        (lambda s: s.similarity_search_by_vector(["a"]), ArgumentError, "must be a vector of 64 numbers"),
        (lambda s: s.delete(), ArgumentError, "delete needs ids or a filter"),
        (lambda s: s.add_texts(["a", "b"], ids=["1"]), ArgumentError, "there are 2 texts, and 1 ids"),
        (lambda s: s.add_texts([" "]), DocumentError, "neither a title nor a text"),
        (lambda s: s.add_texts(["a"], [{"x": object()}]), DocumentError, "x"),
        (lambda s: s.max_marginal_relevance_search("a", lambda_mult=2), ArgumentError, "lambda_mult must be"),
        (lambda s: BicrossVectorStore.from_texts(["a"], ENCODER), ArgumentError, "needs a folder"),
        (lambda s: BicrossVectorStore("nowhere", ENCODER), IndexNotFound, "nowhere"),
        (lambda s: BicrossVectorStore(s._path, 5), ArgumentError, "embedding must be embeddings of LangChain"),
        (lambda s: BicrossRetriever(index=s._path, k=0), ArgumentError, "k must be at least 1, not 0"),
        (lambda s: BicrossRetriever(index="nowhere"), IndexNotFound, "nowhere"),
        (lambda s: BicrossRetriever(index=s._path, top_k=3), ValueError, "top_k"),
        (lambda s: retriever_over(s._path, reranker="nowhere/model"), ModelError, "nowhere/model"),
        (lambda s: retriever_over(s._path).invoke("a", k=-1), ArgumentError, "k must be at least 1, not -1"),
        (lambda s: retriever_over(s._path).invoke("a", where="year >"), ArgumentError, "cannot read the filter"),
        (lambda s: BicrossReranker(top_n=0), ArgumentError, "top_n must be at least 1, not 0"),
        (lambda s: BicrossReranker(model=RERANKER).compress_documents(DOCUMENTS, ""), QueryError, "is blank"),
        (lambda s: BicrossEmbeddings(5), ArgumentError, "encoder must be a model or the name of one"),
        (lambda s: BicrossEmbeddings(ENCODER).embed_documents("a"), ArgumentError, "texts must be a list of texts"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(store, call, error, message):
    with pytest.raises(error, match=message):
        call(store)


def test_wrong_types_are_errors_of_bicross(store):
    retriever = retriever_over(store._path)
    calls = [
        (store.similarity_search, {"query": "sea", "k": 2, "filter": None}),
        (store.similarity_search_by_vector, {"embedding": [1.0] * 64, "k": 2, "filter": None}),
        (store.max_marginal_relevance_search, {"query": "sea", "k": 2, "fetch_k": 3, "lambda_mult": 0.5}),
        (store.add_texts, {"texts": ["a"], "metadatas": [{}], "ids": ["1"]}),
        (store.delete, {"ids": [], "filter": None}),
        (retriever.invoke, {"input": "sea", "k": 2, "where": None}),
    ]
    for call, arguments in calls:
        for argument in arguments:
            for make in WRONG.values():
                is_answered(call, arguments | {argument: make()})


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("bicross.pipelines.integrations.langchain.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == "langchain_core"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    with pytest.raises(MissingPackage, match=r"needs langchain_core.*pip install 'bicross\[langchain\]'") as caught:
        _ = adapters.BicrossRetriever
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, BicrossError)
