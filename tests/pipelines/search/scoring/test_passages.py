"""What of a document stage two reads, and what its passages say together."""

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


class Reader:
    """A logit is the number of letters of the passage, and of what it has read it keeps everything."""

    blend = 1.0

    def __init__(self):
        self.read = []

    def score(self, pairs):
        self.read += [passage for _, passage in pairs]
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
    ("passages", "read"),
    [
        ("best", lambda of_document: of_document[:1]),
        ("first", lambda of_document: [min(of_document, key=lambda passage: passage.start)]),
        ("max", lambda of_document: of_document[:3]),
        ("mean", lambda of_document: of_document[:3]),
    ],
)
def test_what_is_read_and_what_it_says(index, passages, read):
    query, reader = "the moon and a cat", Reader()
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reader, passages=passages)
    best_passages = passages_of(index, query)
    assert max(map(len, best_passages.values())) > 3
    results = pipeline.search(query)
    expected = {
        id_: [passage.text.strip() for passage in read(of_document)] for id_, of_document in best_passages.items()
    }
    assert sorted(reader.read) == sorted({text for texts in expected.values() for text in texts})  # equal ones once
    combine = np.mean if passages == "mean" else np.max
    logits = {id_: pytest.approx(combine([len(text) for text in texts])) for id_, texts in expected.items()}
    assert {result.document.id: result.logit for result in results} == logits
    assert {result.document.id: result.passage for result in results} == {
        i: of_document[0] for i, of_document in best_passages.items()
    }


def test_a_deadline_counts_documents_and_not_passages(index):
    reader, times = Reader(), iter(np.arange(0.0, 100.0, 0.25).tolist())
    pipeline = SearchPipeline(
        DenseRetriever(index, ENCODER, passages=3), reader, passages="max", clock=lambda: next(times)
    )
    assert len(pipeline.search("the moon", deadline_ms=10_000)) == 3
    assert sorted(reader.read) == sorted(
        {passage.text.strip() for of_document in passages_of(index, "the moon").values() for passage in of_document[:3]}
    )


def test_a_retriever_that_finds_too_few_is_refused(index):
    with pytest.raises(ArgumentError, match=r"'max' reads up to 3 .* this DenseRetriever finds 1: make it with pass"):
        SearchPipeline(DenseRetriever(index, ENCODER), Reader(), passages="max")
    with pytest.raises(ArgumentError, match="this LexicalRetriever finds 1"):
        SearchPipeline(LexicalRetriever(index), Reader(), passages="first")
    with pytest.raises(ArgumentError, match="passages must be one of best, first, max, mean, not 'all'"):
        SearchPipeline(DenseRetriever(index, ENCODER), Reader(), passages="all")
