import numpy as np
import pytest
from bicross.errors import ArgumentError, PipelineClosed, QueryError
from bicross.index import Chunking, Document, Hit, Passage
from bicross.pipelines import ContextOptions, ContextPipeline, SearchOptions, Timings, add_documents, build_index
from bicross.retrieval import DenseRetriever, HybridRetriever, LexicalRetriever
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker, words
from hypothesis import given, settings
from hypothesis import strategies as st

ENCODER = HashEncoder()
TEXTS = {
    "cats": "The cat sleeps all day. It wakes at night. Then the cat hunts mice. Mice fear the cat.",
    "dogs": "The dog runs in the park. It sleeps at night. The dog hunts nothing. Dogs bark at cats.",
    "owls": "An owl sleeps all day. At night the owl hunts mice. The owl sees well. Mice fear the owl.",
    "copy": "An owl sleeps all day. At night the owl hunts mice. The owl sees well. Mice fear the owl.",
    "near": "An owl sleeps all day. At night the owl hunts mice. The owl saw well. Mice fear the owl.",
    "bees": "Bees collect nectar. Bees make honey. Honey is sweet. Bears like honey.",
}
DOCUMENTS = [Document(id_, text, id_[:3], {"page": number}) for number, (id_, text) in enumerate(TEXTS.items())]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("contexts") / "index"
    chunking = Chunking(max_tokens=7, overlap=0)
    return build_index(DOCUMENTS, path, encoder=ENCODER, reranker=None, chunking=chunking, lexical=True)


@pytest.fixture(scope="module")
def pipeline(index):
    return ContextPipeline(DenseRetriever(index, ENCODER), OverlapReranker())


def ids(context):
    return [citation.id for citation in context.citations]


def test_the_best_five_passages_by_the_reranker(pipeline):
    query = "which animal hunts mice at night"
    context = pipeline.context(query, near_duplicates=None, order="relevance")
    assert sum(citation.passages for citation in context.citations) == 5
    assert [citation.rank for citation in context.citations] == sorted(citation.rank for citation in context.citations)
    assert (context.budget, context.unit, context.size) == (None, "tokens", len(words(context.text)))
    assert context.generation == 1
    best = max(
        (OverlapReranker.logit(query, f"{document.title} {text}"), text)
        for document in DOCUMENTS
        for text in document.text.replace(". ", ".|").split("|")
    )
    assert best[1] in context.citations[0].text


def test_passages_that_follow_each_other_are_one_span(pipeline):
    context = pipeline.context("bees make sweet honey that bears like", top_k=2)
    assert ids(context) == ["bees"]
    [citation] = context.citations
    assert citation.text == TEXTS["bees"]
    assert citation.passages == 2
    assert context.text == f"[1] bee (bees, page 5, characters 0-{len(TEXTS['bees'])})\n{TEXTS['bees']}"


def test_copies_are_left_out_by_text_and_by_vector(pipeline):
    query = "the owl sees well"
    everything = pipeline.context(query, near_duplicates=None, top_k=24)
    assert everything.near_duplicates == 7  # the four sentences of "copy", and three of "near", word for word
    assert "near" in ids(everything)
    # "saw" in place of "sees", and another title; the first is the best passage.
    cosine = float(np.dot(*ENCODER.encode_documents(["owl The owl sees well.", "nea The owl saw well."])))
    for threshold, shown in [(cosine - 0.01, False), (cosine + 0.01, True)]:
        context = pipeline.context(query, near_duplicates=threshold, top_k=24, where="page == 2 or page == 4")
        assert ("The owl saw well." in context.text) == shown
    shown = [sentence for citation in everything.citations for sentence in citation.text.split(". ")]
    assert shown.count("An owl sleeps all day") == 1


@settings(max_examples=examples(60), deadline=None)
@given(
    query=st.lists(st.sampled_from(words(" ".join(TEXTS.values()))), min_size=1, max_size=5).map(" ".join),
    budget=st.integers(1, 120),
    count=st.sampled_from([None, len, "characters", lambda text: len(text.split())]),
    order=st.sampled_from(["edges", "relevance", "document"]),
    near_duplicates=st.sampled_from([None, 0.9, 1.0]),
)
def test_the_text_is_never_over_the_budget(pipeline, query, budget, count, order, near_duplicates):
    values = {"budget": budget, "count": count, "order": order, "near_duplicates": near_duplicates}
    counted = {None: lambda text: len(words(text)), "characters": len}.get(count, count)
    try:
        context = pipeline.context(query, **values, oversized="cut")
    except ArgumentError as error:
        assert f"a budget of {budget} " in str(error)
        assert " is smaller than the first sentence of the best passage" in str(error)
        with pytest.raises(ArgumentError, match=rf"a budget of {budget} \w+ is smaller than the best passage"):
            pipeline.context(query, **values)
        return
    assert context.size == counted(context.text) <= budget
    assert context == pipeline.context(query, **values, oversized="cut")
    shown = set()
    for citation in context.citations:
        assert citation.text == TEXTS[citation.id][citation.start : citation.end]
        assert f"{citation.label}\n{citation.text}" in context.text
        span = {(citation.id, character) for character in range(citation.start, citation.end)}
        assert not shown & span
        shown |= span


def test_a_batch_gives_what_each_question_gives_alone(pipeline):
    queries = ["who hunts mice", "what do bees make", "who hunts mice"]
    timings = Timings()
    contexts = pipeline.context_batch(queries, budget=60, timings=timings)
    assert contexts == [pipeline.context(query, budget=60) for query in queries]
    assert timings.queries == 3
    assert pipeline.context_batch([]) == []


def test_a_filter_and_a_least_relevance(index, pipeline):
    assert set(ids(pipeline.context("who hunts mice", where="page == 0"))) == {"cats"}
    strict = ContextPipeline(DenseRetriever(index, ENCODER), OverlapReranker(), search=SearchOptions(min_relevance=1.0))
    context = strict.context("who hunts mice", budget=100)
    assert (context.citations, context.text, context.size) == ((), "", 0)


@pytest.mark.parametrize("retriever", [HybridRetriever, LexicalRetriever])
def test_other_first_stages(index, retriever):
    first = LexicalRetriever(index) if retriever is LexicalRetriever else HybridRetriever(index, ENCODER)
    context = ContextPipeline(first, OverlapReranker()).context("honey nectar", count=len, budget=500)
    assert ids(context)[0] == "bees"
    assert context.size <= 500


def test_a_retriever_without_an_index_needs_a_count_for_a_budget():
    documents = [Document(f"d{number}", text) for number, text in enumerate(["same text", "same text", "another"])]

    class Plain:
        def retrieve(self, queries, k, *, where=None):
            hits = [Hit(document, Passage(document.text, 0, len(document.text)), 1.0) for document in documents]
            return [hits for _ in queries]

    pipeline = ContextPipeline(Plain(), None)
    context = pipeline.context("text")
    assert (ids(context), context.near_duplicates, context.size) == (["d0", "d2"], 1, None)
    with pytest.raises(ArgumentError, match="this retriever has none: give count"):
        pipeline.context("text", budget=10)
    assert pipeline.context("text", budget=33, count="characters").size == len("[1] d0 (characters 0-9)\nsame text")


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (SearchOptions(top_k=3), "search has top_k=3: give the context its top_k"),
        (SearchOptions(passages="max"), "search has passages='max': a context scores every passage"),
        (SearchOptions(adaptive=True), "search has adaptive: a context scores every passage"),
    ],
)
def test_search_options_that_a_context_cannot_have(index, search, message):
    with pytest.raises(ArgumentError, match=message):
        ContextPipeline(DenseRetriever(index, ENCODER), None, search=search)


def test_options_are_checked_when_they_are_made():
    for values, message in [
        ({"budget": 0}, "budget must be at least 1, not 0"),
        ({"top_k": 1.5}, "top_k must be a whole number"),
        ({"order": "best"}, "order must be one of edges, relevance, document"),
        ({"near_duplicates": 1.2}, "near_duplicates must be a number from 0 to 1"),
        ({"oversized": "drop"}, "oversized must be one of error, cut"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            ContextOptions(**values)


def test_a_blank_question_is_an_error(pipeline):
    with pytest.raises(QueryError, match="query 0 is blank"):
        pipeline.context(" ")


def test_it_opens_an_index_reranks_fifty_passages_and_follows_new_generations(tmp_path):
    documents = [Document(f"d{number}", f"word{number} cat") for number in range(60)]
    build_index(documents, tmp_path / "index", encoder=ENCODER, reranker=None)
    reranker = OverlapReranker()
    with ContextPipeline.open(tmp_path / "index", encoder=ENCODER, reranker=reranker, top_k=2) as pipeline:
        assert len(pipeline.context("cat word7").citations) == 2
        assert len(reranker.calls[-1]) == 50
        add_documents(tmp_path / "index", [Document("new", "cat word99")], encoder=ENCODER, reranker=None)
        assert "new" not in ids(pipeline.context("cat word99"))
        assert pipeline.refresh()
        assert ids(pipeline.context("cat word99"))[0] == "new"
        assert not pipeline.refresh()
    with pytest.raises(PipelineClosed):
        pipeline.context("cat")


def test_an_index_whose_vectors_are_codes_finds_copies_too(tmp_path):
    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{number}" for number in generator.integers(50, size=8)) for _ in range(40)]
    documents = [Document(f"d{number}", text) for number, text in enumerate(texts)]
    documents.append(Document("copy", texts[7].replace(" ", "  ")))
    index = build_index(documents, tmp_path / "index", encoder=ENCODER, reranker=None, index_type="SQ8")
    pipeline = ContextPipeline(DenseRetriever(index, ENCODER), None)
    context = pipeline.context(texts[7], top_k=3)
    assert context.near_duplicates == 1
    assert {"d7", "copy"} & set(ids(context)) != {"d7", "copy"}
