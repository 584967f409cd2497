"""A pipeline moves to the newest generation of its index, whole, beside searches."""

import threading

import pytest
from bicross.errors import ArgumentError, IndexModelMismatch, PipelineClosed
from bicross.index import Document, Index
from bicross.pipelines import SearchPipeline, Tuned, add_documents, build_index
from bicross.pipelines.search import store
from bicross.retrieval import DenseRetriever, HybridRetriever, LexicalRetriever
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.oracle_rerankers import guesser

ENCODER = HashEncoder()
DOCUMENTS = [Document(str(number), f"the cat number {number} sleeps") for number in range(12)]
NEW = Document("new", "the cat number new sleeps")


@pytest.fixture
def index(tmp_path):
    return build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER, reranker=None, lexical=True)


def tuned_to(index, **values):
    settings = {"first_stage": "dense", "retrieve_k": 12, "rerank_k": 6, "blend": 0.5} | values
    store(Index.open(index.path), Tuned(reranker=guesser().fingerprint, **settings))


def ids(results):
    return {result.document.id for result in results}


@pytest.mark.parametrize(
    "make",
    [
        lambda index: SearchPipeline.open(index.path, encoder=ENCODER, reranker=OverlapReranker(), top_k=20),
        lambda index: SearchPipeline(DenseRetriever(index, ENCODER), None, top_k=20),
        lambda index: SearchPipeline(LexicalRetriever(index), None, top_k=20),
        lambda index: SearchPipeline(HybridRetriever(index, ENCODER), OverlapReranker(), top_k=20),
    ],
    ids=["opened", "dense", "lexical", "hybrid"],
)
def test_a_pipeline_answers_from_one_generation_until_it_is_refreshed(index, make):
    pipeline = make(index)
    first = pipeline.generation
    assert first == index.generation
    assert not pipeline.refresh()
    add_documents(index.path, [NEW], encoder=ENCODER)
    assert "new" not in ids(pipeline.search("cat new"))
    assert pipeline.refresh()
    assert pipeline.generation == first + 1 == Index.open(index.path).generation
    assert "new" in ids(pipeline.search("cat new"))
    assert not pipeline.refresh()


def test_what_was_tuned_is_read_again_unless_it_was_given(index):
    opened = SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser(), retrieve_k=10)
    assert (opened.options.rerank_k, opened.blend) == (10, 1.0)
    tuned_to(index)
    assert opened.refresh()
    assert (opened.options.retrieve_k, opened.options.rerank_k, opened.blend) == (10, 6, 0.5)
    tuned_to(index, rerank_k=0, first_stage="lexical")
    assert opened.refresh()
    assert opened.reranker is None
    assert isinstance(opened.retriever, LexicalRetriever)
    tuned_to(index, rerank_k=4)
    assert opened.refresh()
    assert opened.reranker is not None
    assert (isinstance(opened.retriever, DenseRetriever), opened.options.rerank_k) == (True, 4)


def test_a_search_under_way_keeps_its_parts(index):
    """Each answer has the documents and the settings of one generation, whichever it began with."""
    entered, go_on = threading.Event(), threading.Event()

    class Waiting(OverlapReranker):
        def score(self, pairs):
            entered.set()
            assert go_on.wait(30)
            return super().score(pairs)

    pipeline = SearchPipeline(DenseRetriever(index, ENCODER), Waiting(), top_k=20)
    answers = []
    searching = threading.Thread(target=lambda: answers.append(pipeline.search("cat new")))
    searching.start()
    assert entered.wait(30)
    before = pipeline.generation
    add_documents(index.path, [NEW], encoder=ENCODER)
    assert pipeline.refresh()
    assert pipeline.generation == before + 1
    go_on.set()
    searching.join()
    assert ids(answers[0]) == {document.id for document in DOCUMENTS}
    assert "new" in ids(pipeline.search("cat new"))


def test_documents_and_settings_change_together_for_concurrent_searches(index):
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser(), top_k=5)
    stop, wrong, sizes_and_depths = threading.Event(), [], set()

    def search():
        while not stop.is_set():
            results = pipeline.search("the cat sleeps")
            depth = sum(result.logit is not None for result in results)
            sizes_and_depths.add((len(results), depth))

    def refresh():
        try:
            while not stop.is_set():
                pipeline.refresh()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to fail
            wrong.append(error)

    threads = [threading.Thread(target=search), threading.Thread(target=search), threading.Thread(target=refresh)]
    for thread in threads:
        thread.start()
    for rerank_k in (1, 2, 3):
        tuned_to(index, rerank_k=rerank_k, blend=1.0)
        for _ in range(2):
            pipeline.search("the cat sleeps")
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sizes_and_depths <= {(5, 5), (5, 1), (5, 2), (5, 3)}
    pipeline.refresh()
    assert sum(result.logit is not None for result in pipeline.search("the cat sleeps")) == 3


def test_what_cannot_be_refreshed_stays_as_it_was(index):
    class Elsewhere:
        def retrieve(self, queries, k, *, where=None):
            return [[] for _ in queries]

    by_hand = SearchPipeline(Elsewhere(), None)
    assert by_hand.generation is None
    with pytest.raises(ArgumentError, match="Elsewhere has no index to refresh"):
        by_hand.refresh()
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=None)
    other = HashEncoder(name="another")
    build_index(DOCUMENTS[:2], index.path, encoder=other, reranker=None, overwrite=True)
    before = pipeline.generation
    with pytest.raises(IndexModelMismatch):
        pipeline.refresh()
    assert pipeline.generation == before
    pipeline.close()
    for attempt in (pipeline.refresh, lambda: pipeline.generation):
        with pytest.raises(PipelineClosed):
            attempt()
