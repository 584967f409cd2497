"""What Haystack's suites do not try: its filters at random, components, pipelines as YAML, and errors."""

import asyncio
import dataclasses
import os

import pytest

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
pytest.importorskip("haystack", reason="needs haystack-ai: pip install 'bicross[haystack]'")

import numpy as np
from bicross.errors import ArgumentError, DocumentError, IndexNotFound, QueryError
from bicross.index import Document as BicrossDocument
from bicross.index import Index
from bicross.pipelines import SearchPipeline, build_index, models
from bicross.pipelines.integrations.haystack import (
    BicrossDocumentEmbedder,
    BicrossDocumentStore,
    BicrossRanker,
    BicrossRetriever,
    BicrossTextEmbedder,
)
from haystack import Document, Pipeline
from haystack.components.writers import DocumentWriter
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.utils.filters import document_matches_filter
from helpers.fakes import HashEncoder, OverlapReranker
from hypothesis import given
from hypothesis import strategies as st

ENCODER, RERANKER = HashEncoder(), OverlapReranker()
DOCUMENTS = [
    Document(id="heart", content="the heart pumps blood", meta={"year": 2020, "kind": "body"}),
    Document(id="moon", content="the moon pulls the sea", meta={"year": 2015}),
    Document(id="bread", content="bread is baked", meta={"year": 1999, "kind": "food", "at": {"place": "oven"}}),
    Document(id="sea", content="the sea rises and falls", meta={"kind": "water", "at": {"place": "coast"}}),
]
YEARS = {"field": "meta.year", "operator": ">=", "value": 2015}


@pytest.fixture
def store(tmp_path):
    build_index([], tmp_path / "store", encoder=ENCODER, reranker=None)
    made = BicrossDocumentStore(tmp_path / "store", encoder=ENCODER)
    made.write_documents(DOCUMENTS)
    return made


@pytest.fixture(scope="module")
def filtered(tmp_path_factory):
    """A store that is only read."""
    path = tmp_path_factory.mktemp("haystack") / "store"
    build_index([], path, encoder=ENCODER, reranker=None)
    made = BicrossDocumentStore(path, encoder=ENCODER)
    made.write_documents(DOCUMENTS)
    return made


COMPARISONS = st.one_of(
    st.builds(
        lambda operator, value: {"field": "meta.year", "operator": operator, "value": value},
        st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
        st.sampled_from([1999, 2015, 2016.5, None]),
    ),
    st.builds(
        lambda operator, value: {"field": "meta.kind", "operator": operator, "value": value},
        st.sampled_from(["==", "!="]),
        st.sampled_from(["body", "it's", None]),
    ),
    st.builds(
        lambda field, operator, value: {"field": field, "operator": operator, "value": value},
        st.just("meta.kind"),
        st.sampled_from(["in", "not in"]),
        st.lists(st.sampled_from(["body", "food", None]), max_size=3),
    ),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda parts: st.builds(
        lambda operator, conditions: {"operator": operator, "conditions": conditions},
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


@given(FILTERS)
def test_filters_mean_what_they_mean_in_haystack(filtered, filters):
    expected = [document for document in DOCUMENTS if document_matches_filter(filters, document)]
    assert filtered.filter_documents(filters) == expected
    assert filtered.count_documents_by_filter(filters) == len(expected)


def test_fields_of_objects_and_ids(filtered):
    def found(field, value):
        filters = {"field": field, "operator": "==", "value": value}
        return [document.id for document in filtered.filter_documents(filters)]

    assert found("meta.at.place", "coast") == ["sea"]
    assert found("id", "moon") == ["moon"]
    assert found("kind", "food") == ["bread"]


def test_a_retriever_returns_what_the_pipeline_finds(store):
    retriever = BicrossRetriever(store, top_k=2, reranker=RERANKER)
    query = "the sea falls"
    results = SearchPipeline.open(store.path, encoder=ENCODER, reranker=RERANKER).search(query, top_k=2)
    found = retriever.run(query=query)["documents"]
    assert [(document.id, document.score) for document in found] == [(r.document.id, r.relevance) for r in results]
    assert found[0] == dataclasses.replace(DOCUMENTS[3], score=found[0].score)
    assert {document.id for document in retriever.run(query=query, filters=YEARS)["documents"]} == {"heart", "moon"}
    merging = BicrossRetriever(store, filters=YEARS, filter_policy="merge", reranker=None)
    food = {"field": "meta.kind", "operator": "==", "value": "body"}
    assert [document.id for document in merging.run(query=query, filters=food)["documents"]] == ["heart"]
    store.write_documents([Document(id="snow", content="snow falls")], DuplicatePolicy.OVERWRITE)
    assert asyncio.run(retriever.run_async(query="snow", top_k=1))["documents"][0].id == "snow"
    store.delete_all_documents()
    assert retriever.run(query=query, filters=YEARS)["documents"] == []


def test_a_title_of_an_index_is_in_meta(tmp_path):
    build_index([BicrossDocument("a", "text", "A title", {"n": 1})], tmp_path / "i", encoder=ENCODER, reranker=None)
    [document] = BicrossDocumentStore(str(tmp_path / "i"), encoder=ENCODER).filter_documents()
    assert (document.content, document.meta) == ("text", {"n": 1, "title": "A title"})


def test_a_ranker_orders_as_the_model_does():
    documents = [dataclasses.replace(document, score=5.0) for document in DOCUMENTS]
    logits = RERANKER.score([("the sea", document.content) for document in documents])
    ranked = BicrossRanker(RERANKER).run(query="the sea", documents=documents)["documents"]
    assert [document.id for document in ranked] == [
        documents[place].id for place in np.argsort(-logits, kind="stable").tolist()
    ]
    np.testing.assert_allclose(
        [document.score for document in ranked], np.sort(1 / (1 + np.exp(-logits)))[::-1], rtol=1e-6
    )
    assert documents[0].score == 5.0
    assert len(BicrossRanker(RERANKER, top_k=1).run(query="sea", documents=documents)["documents"]) == 1
    assert len(asyncio.run(BicrossRanker(RERANKER).run_async("sea", documents, top_k=2))["documents"]) == 2
    assert BicrossRanker(RERANKER).run(query="sea", documents=[])["documents"] == []


def test_embedders_are_the_encoders():
    np.testing.assert_array_equal(
        BicrossTextEmbedder(ENCODER).run("the sea")["embedding"], ENCODER.encode_queries(["the sea"])[0]
    )
    embedded = asyncio.run(BicrossDocumentEmbedder(ENCODER).run_async(DOCUMENTS))["documents"]
    contents = [document.content for document in DOCUMENTS]
    np.testing.assert_array_equal([d.embedding for d in embedded], ENCODER.encode_documents(contents))
    assert [document.id for document in embedded] == [document.id for document in DOCUMENTS]
    assert DOCUMENTS[0].embedding is None
    assert BicrossDocumentEmbedder(ENCODER).run([])["documents"] == []


def test_pipelines_are_written_and_read(tmp_path, monkeypatch):
    """What is written has names of models; here a name gives the fakes."""
    monkeypatch.setattr(models, "_load_encoder", lambda *_: ENCODER)
    monkeypatch.setattr(models, "CrossEncoderReranker", lambda *_, **__: RERANKER)
    monkeypatch.setattr(models, "resolve_model", lambda *_, **__: tmp_path)
    store = BicrossDocumentStore(str(tmp_path / "new"), create=True)
    writing = Pipeline()
    writing.add_component("writer", DocumentWriter(store))
    writing.run({"writer": {"documents": DOCUMENTS}})
    asking = Pipeline()
    asking.add_component("retriever", BicrossRetriever(store, top_k=3, filters=YEARS, filter_policy="merge"))
    asking.add_component("ranker", BicrossRanker(top_k=1))
    asking.connect("retriever", "ranker")
    read = Pipeline.loads(asking.dumps(), allowed_modules=["bicross.*"])
    query = {"retriever": {"query": "the heart"}, "ranker": {"query": "the heart"}}
    assert read.run(query) == asking.run(query)
    assert [document.id for document in read.run(query)["ranker"]["documents"]] == ["heart"]
    for component in (BicrossTextEmbedder(), BicrossDocumentEmbedder("a/model", device="cpu")):
        assert type(component).from_dict(component.to_dict()).to_dict() == component.to_dict()
    assert len(Index.open(tmp_path / "new")) == 4


def test_to_update_meta_embeds_nothing(store):
    before = {document.id: document for document in store.filter_documents()}
    ENCODER.encoded.clear()
    for _ in range(2):
        assert store.update_by_filter(YEARS, {"kind": "new", "seen": True}) == 2
    assert ENCODER.encoded == []
    for id_, document in {document.id: document for document in store.filter_documents()}.items():
        changed = {"kind": "new", "seen": True} if id_ in ("heart", "moon") else {}
        assert (document.content, document.meta) == (before[id_].content, before[id_].meta | changed)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.filter_documents({"field": "meta.yaer", "operator": "==", "value": 1}), FilterError, "'yaer'"),
        (lambda s: s.filter_documents({"field": "content", "operator": "==", "value": "a"}), FilterError, "meta.NAME"),
        (lambda s: s.filter_documents({"operator": "XOR", "conditions": [YEARS]}), FilterError, "joined by AND, OR"),
        (lambda s: s.filter_documents("year > 2000"), FilterError, "a filter is a dict, such as"),
        (lambda s: s.filter_documents(YEARS | {"operator": "~"}), FilterError, "compares by == !="),
        (lambda s: s.filter_documents(YEARS | {"value": object()}), FilterError, "compares with numbers, texts"),
        (lambda s: s.delete_by_filter({}), FilterError, "delete_all_documents deletes all"),
        (lambda s: s.update_by_filter({}, {"a": 1}), FilterError, "update_by_filter needs a filter"),
        (lambda s: s.update_by_filter(YEARS, ["a"]), ArgumentError, "meta must be"),
        (lambda s: s.update_by_filter(YEARS, {"a": object()}), DocumentError, "metadata"),
        (lambda s: s.write_documents([Document(content=" ")]), DocumentError, "neither a title nor a text"),
        (lambda s: s.write_documents(DOCUMENTS[:1]), ArgumentError, "'heart' already; DuplicatePolicy.SKIP"),
        (lambda s: BicrossRetriever(s, reranker=None).run(query=""), QueryError, "is blank"),
        (lambda s: BicrossRetriever(s, reranker=None).run(query="a", top_k=0), ArgumentError, "top_k must be at"),
        (lambda s: BicrossRetriever(s, reranker=None).run("a", {"field": "x"}), FilterError, "no 'operator'"),
        (lambda s: BicrossRetriever(s, reranker=None).run("a", YEARS | {"value": "x"}), FilterError, "cannot be comp"),
        (lambda s: BicrossRetriever("my-index"), ArgumentError, "document_store must be a BicrossDocumentStore"),
        (lambda s: BicrossRetriever(s, filter_policy="x"), ArgumentError, "must be 'replace' or 'merge'"),
        (lambda s: BicrossRetriever(s, reranker=RERANKER).to_dict(), ArgumentError, "reranker must be the name"),
        (lambda s: s.to_dict(), ArgumentError, "encoder must be the name of a model"),
        (lambda s: BicrossRanker(RERANKER).run("a", ["text"]), ArgumentError, "must be Documents of Haystack"),
        (lambda s: BicrossRanker(top_k=0), ArgumentError, "top_k must be at least 1"),
        (lambda s: BicrossTextEmbedder(5), ArgumentError, "encoder must be a model or the name of one"),
        (lambda s: BicrossDocumentStore("nowhere").count_documents(), IndexNotFound, "nowhere.*create=True"),
        (lambda s: BicrossDocumentStore(5), ArgumentError, "index must be a path"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(store, call, error, message):
    with pytest.raises(error, match=message):
        call(store)
