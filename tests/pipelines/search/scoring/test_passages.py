"""Which passages of a document the reranker scores, and how their logits become one."""

import sys

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Chunking, Document, Index
from bicross.pipelines import SearchPipeline, build_index
from bicross.retrieval import DenseRetriever, LexicalRetriever
from helpers.fakes import HashEncoder

ENCODER = HashEncoder()
TEXTS = {
    "1": "The cat sat. A dog barked loud. Some fish swam by. The moon rose.",
    "2": "The moon rose. The moon set again. A cat slept here. It rained a lot.",
    "3": "Only one sentence of a cat.",
}


class LengthReranker:
    """A logit is the number of letters of the passage, and it keeps every text that it scores."""

    blend = 1.0

    def __init__(self):
        self.scored = []

    def score(self, pairs):
        self.scored += [passage for _, passage in pairs]
        return np.array([len(passage) for _, passage in pairs], np.float32)


@pytest.fixture
def index(tmp_path) -> Index:
    documents = [Document(id_, text) for id_, text in TEXTS.items()]
    chunking = Chunking(max_tokens=4, overlap=0)
    return build_index(documents, tmp_path / "index", encoder=ENCODER, reranker=None, chunking=chunking)


def passages_of(index, query):
    """The passages of each document, best for the query first."""
    [hits] = index.search(ENCODER.encode_queries([query]), 3, passages=99)
    return {hit.document.id: [hit.passage, *(other.passage for other in hit.others)] for hit in hits}


@pytest.mark.parametrize(
    ("passages", "chosen"),
    [
        ("best", lambda of_document: of_document[:1]),
        ("first", lambda of_document: [min(of_document, key=lambda passage: passage.start)]),
        ("max", lambda of_document: of_document[:3]),
        ("mean", lambda of_document: of_document[:3]),
    ],
)
def test_which_passages_are_scored_and_how_their_logits_combine(index, passages, chosen):
    query, reranker = "the moon and a cat", LengthReranker()
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker, passages=passages)
    best_passages = passages_of(index, query)
    assert max(map(len, best_passages.values())) > 3
    results = pipeline.search(query)
    expected = {
        id_: [passage.text.strip() for passage in chosen(of_document)] for id_, of_document in best_passages.items()
    }
    assert sorted(reranker.scored) == sorted({text for texts in expected.values() for text in texts})  # equal ones once
    combine = np.mean if passages == "mean" else np.max
    logits = {id_: pytest.approx(combine([len(text) for text in texts])) for id_, texts in expected.items()}
    assert {result.document.id: result.logit for result in results} == logits
    assert {result.document.id: result.passage for result in results} == {
        i: of_document[0] for i, of_document in best_passages.items()
    }


def test_a_deadline_counts_documents_and_not_passages(index):
    reranker, times = LengthReranker(), iter(np.arange(0.0, 100.0, 0.25).tolist())
    pipeline = SearchPipeline(
        DenseRetriever(index, ENCODER, passages=3), reranker, passages="max", clock=lambda: next(times)
    )
    assert len(pipeline.search("the moon", deadline_ms=10_000)) == 3
    assert sorted(reranker.scored) == sorted(
        {passage.text.strip() for of_document in passages_of(index, "the moon").values() for passage in of_document[:3]}
    )


def test_a_retriever_made_as_the_error_says_finds_the_first_passage(index):
    retriever = DenseRetriever(index, ENCODER, passages=sys.maxsize)
    results = SearchPipeline(retriever, LengthReranker(), passages="first").search("the moon")
    assert {result.document.id: result.logit for result in results} == {
        id_: len(min(of_document, key=lambda passage: passage.start).text.strip())
        for id_, of_document in passages_of(index, "the moon").items()
    }


def test_a_retriever_that_finds_too_few_is_refused(index):
    with pytest.raises(
        ArgumentError,
        match=r"'max' needs 3 passages .* this Dense.* finds 1: use .* made with passages=3$",
    ):
        SearchPipeline(DenseRetriever(index, ENCODER), LengthReranker(), passages="max")
    with pytest.raises(
        ArgumentError,
        match=r"'first' needs all passages .* this Lexical.* finds 1: use .* made with passages=sys.maxsize$",
    ):
        SearchPipeline(LexicalRetriever(index), LengthReranker(), passages="first")
    with pytest.raises(ArgumentError, match="passages must be one of best, first, max, mean, not 'all'"):
        SearchPipeline(DenseRetriever(index, ENCODER), LengthReranker(), passages="all")
