import dataclasses

import numpy as np
import pytest
from bicross.index import Chunking, Document, Hit, Passage, PassageHit, passage_text
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.answers import PassageRetriever, of_passages
from bicross.retrieval import DenseRetriever, HybridRetriever, LexicalRetriever, has_index
from helpers.fakes import HashEncoder, OverlapReranker

ENCODER = HashEncoder()
SENTENCES = "The cat sat here. A dog ran far. Owls hunt at night. Bees make honey. The sea is deep. Iron rusts fast."


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Four documents of six passages each, and one of a single passage."""
    words = SENTENCES.split(". ")
    documents = [
        Document(f"d{number}", ". ".join(words[number:] + words[:number]), f"Title {number}") for number in range(4)
    ]
    path = tmp_path_factory.mktemp("passages") / "index"
    return build_index(
        [*documents, Document("short", "A cat and a dog")],
        path,
        encoder=ENCODER,
        chunking=Chunking(max_tokens=6, overlap=0),
        lexical=True,
    )


def spans(hits):
    return [(hit.document.id, hit.passage.start) for hit in hits]


@pytest.mark.parametrize("k", [1, 3, 12, 40])
def test_the_best_passages_are_those_of_a_scan_of_all(index, k):
    query = "does a cat hunt at night"
    passages = [(document, passage) for document in index.documents() for passage in index.passages([document.id])[0]]
    vectors = ENCODER.encode_documents([passage_text(document.title, passage.text) for document, passage in passages])
    cosines = vectors @ ENCODER.encode_queries([query])[0]
    retriever = of_passages(DenseRetriever(index, ENCODER), passages=k)
    [hits] = retriever.retrieve([query], k)
    assert [hit.score for hit in hits] == pytest.approx(np.sort(cosines)[::-1][:k], abs=1e-6)
    assert len(set(spans(hits))) == len(hits) == min(k, len(passages))
    by_span = {
        (document.id, passage.start): cosine for (document, passage), cosine in zip(passages, cosines, strict=True)
    }
    for hit in hits:
        assert hit.score == pytest.approx(by_span[hit.document.id, hit.passage.start], abs=1e-6)
        assert hit.passage.text == hit.document.text[hit.passage.start : hit.passage.end]


def test_a_hybrid_search_has_further_passages_by_their_dense_rank(index):
    retriever = of_passages(HybridRetriever(index, ENCODER), passages=6)
    [hits] = retriever.retrieve(["does a cat hunt at night"], 20)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len(set(spans(hits))) == 20
    [documents] = HybridRetriever(index, ENCODER).retrieve(["does a cat hunt at night"], 20)
    assert [span for span in spans(hits) if span in spans(documents)] == spans(documents)


def test_where_others_stand_when_something_else_orders_the_documents():
    def hit(id_, score, dense, *others):
        passage = Passage("x", 0, 1)
        rest = tuple(PassageHit(Passage("y", 2, 3), value) for value in others)
        return Hit(Document(id_, "x y"), passage, score, dense_score=dense, others=rest)

    class Fixed:
        def retrieve(self, queries, k, *, where=None):
            return [[hit("a", 9.0, 0.3, 0.2), hit("b", 8.0, 0.9, 0.8), hit("c", 7.0, 0.5, 0.4)]]

    [hits] = of_passages(Fixed()).retrieve(["q"], 9)
    shown = [(hit.document.id, hit.passage.start, hit.score) for hit in hits]
    assert shown == [("a", 0, 9.0), ("b", 0, 8.0), ("b", 2, 8.0), ("c", 0, 7.0), ("c", 2, 7.0), ("a", 2, 7.0)]
    assert [hit.lexical_score for hit in hits] == [None] * 6


def test_a_search_by_terms_has_the_best_passage_of_each_document(index):
    retriever = of_passages(LexicalRetriever(index), passages=6)
    [hits] = retriever.retrieve(["cat"], 20)
    assert sorted(hit.document.id for hit in hits) == ["d0", "d1", "d2", "d3", "short"]
    assert retriever.encoder is None


def test_it_moves_with_its_index_and_stays_where_it_is_pinned(index):
    retriever = of_passages(DenseRetriever(index, ENCODER), passages=3)
    assert has_index(retriever)
    assert retriever.index is index
    pinned = retriever.pinned()
    assert has_index(pinned)
    assert spans(pinned.retrieve(["cat"], 9)[0]) == spans(retriever.retrieve(["cat"], 9)[0])
    assert retriever.over(index.pinned()).index.generation == index.generation
    assert retriever.tokenizer == index.tokenizer_fingerprint != ""


def test_a_retriever_without_an_index_has_none_here_either():
    class Plain:
        def retrieve(self, queries, k, *, where=None):
            return [[Hit(Document("a", "text"), Passage("text", 0, 4), 1.0)] for _ in queries]

    retriever = of_passages(Plain(), passages=4)
    assert type(retriever) is PassageRetriever
    assert not has_index(retriever)
    assert retriever.tokenizer == ""
    [results] = SearchPipeline(retriever, OverlapReranker()).search_batch(["text"])
    assert [dataclasses.astuple(result.passage) for result in results] == [("text", 0, 4)]
