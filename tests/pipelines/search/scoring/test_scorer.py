"""Token ids where they are the reranker's own, texts otherwise; closing; threads."""

import logging
import threading

import numpy as np
import pytest
from bicross.errors import BicrossError, PipelineClosed
from bicross.index import Document, Hit, Passage
from bicross.pipelines import ScoreCache, SearchPipeline, build_index
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker
from bicross.retrieval import BiEncoder, DenseRetriever, TokenRetriever
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.tiny_models import WORDS, save_bi_encoder, save_cross_encoder

ENCODER = HashEncoder()


class TokenisedRetriever:
    """Hits whose token ids are (rank, 7); the last one's can be left out."""

    def __init__(self, *tokenizers, without=0):
        self.tokenizers, self.without = list(tokenizers), without

    @property
    def tokenizer(self):
        return self.tokenizers.pop(0) if len(self.tokenizers) > 1 else self.tokenizers[0]

    def retrieve(self, queries, k, *, where=None):
        ids = [np.array([rank, 7], np.uint16) for rank in range(3 - self.without)] + [None] * self.without
        return [
            [
                Hit(Document(str(i), f"text {i}"), Passage(f"text {i}", 0, 6), 1.0 - i / 10, tokens)
                for i, tokens in enumerate(ids)
            ]
            for _ in queries
        ]


class TokenReader(OverlapReranker):
    def __init__(self, tokenizer_fingerprint):
        super().__init__()
        self.tokenizer_fingerprint = tokenizer_fingerprint
        self.token_calls = []

    def score_tokens(self, pairs):
        self.token_calls.append([(query, ids.tolist()) for query, ids in pairs])
        return np.array([ids[0] for _, ids in pairs], np.float32)


def test_token_ids_of_the_rerankers_tokenizer_are_read():
    reranker = TokenReader("T")
    results = SearchPipeline(TokenisedRetriever("T"), reranker).search("q")
    assert reranker.token_calls == [[("q", [0, 7]), ("q", [1, 7]), ("q", [2, 7])]]
    assert reranker.calls == []
    assert [result.document.id for result in results] == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("reranker", "retriever"),
    [
        (TokenReader("T"), TokenisedRetriever("U")),
        (TokenReader("T"), TokenisedRetriever("")),
        (TokenReader(""), TokenisedRetriever("")),
        (TokenReader(""), TokenisedRetriever("T")),
        (TokenReader("T"), TokenisedRetriever("T", without=1)),
        (TokenReader("T"), TokenisedRetriever("T", "U")),
        (OverlapReranker(), TokenisedRetriever("T")),
    ],
    ids=["another", "no store", "neither", "reads texts", "some without", "the index moved", "knows no tokens"],
)
def test_texts_are_read_otherwise(reranker, retriever):
    SearchPipeline(retriever, reranker).search("q")
    assert [passage for _, passage in reranker.calls[0]] == ["text 0", "text 1", "text 2"]
    assert getattr(reranker, "token_calls", []) == []


def test_another_tokenizer_is_said_once(caplog):
    pipeline = SearchPipeline(TokenisedRetriever("other"), TokenReader("wanted"))
    with caplog.at_level(logging.INFO, "bicross"):
        pipeline.search_batch(["q", "r"])
        pipeline.search("q", deadline_ms=1e6)
    assert [record.getMessage() for record in caplog.records] == [
        "the token ids in the index are of another tokenizer than the reranker's (other, not wanted): "
        "passages are tokenised at every search; `bicross retokenize` would rewrite them"
    ]


@pytest.mark.slow
def test_a_dense_retriever_names_the_tokenizer_of_its_index(tmp_path):
    for name, reranker in (("with", DEFAULT_RERANKER), ("without", None)):
        index = build_index([Document("a", "text")], tmp_path / name, encoder=ENCODER, reranker=reranker)
        retriever = DenseRetriever(index, ENCODER)
        assert isinstance(retriever, TokenRetriever)
        assert retriever.tokenizer == index.tokenizer_fingerprint
        assert bool(index.tokenizer_fingerprint) == (reranker is not None)


def test_a_closed_pipeline_says_so():
    retriever, reranker = TokenisedRetriever("T"), OverlapReranker()
    with SearchPipeline(retriever, reranker, cache=ScoreCache(4000)) as pipeline:
        assert (pipeline.retriever, pipeline.reranker) == (retriever, reranker)
        assert len(pipeline.search("q")) == 3
    pipeline.close()
    assert issubclass(PipelineClosed, BicrossError)
    for use in (
        lambda: pipeline.search("q"),
        lambda: pipeline.search_batch([]),
        lambda: pipeline.fit_stop_rule(["q"]),
        lambda: pipeline.retriever,
        lambda: pipeline.reranker,
        pipeline.__enter__,
    ):
        with pytest.raises(PipelineClosed, match="this pipeline was closed; open another one to search"):
            use()


def test_a_search_under_way_finishes_when_the_pipeline_is_closed():
    class Closing(OverlapReranker):
        def score(self, pairs):
            pipeline.close()
            return super().score(pairs)

    pipeline = SearchPipeline(TokenisedRetriever("T"), Closing(), cache=ScoreCache(4000))
    assert len(pipeline.search("q", deadline_ms=1e6)) == 3


def in_threads(pipeline, queries, count=4, rounds=6, **settings):
    """What each of several threads found, and what went wrong in them."""
    batches, errors, start = [], [], threading.Barrier(count)

    def run():
        start.wait()
        try:
            batches.extend(pipeline.search_batch(queries, **settings) for _ in range(rounds))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return batches, errors


def shape(answers):
    """Ids and scores, comparable where a batch was computed in another shape."""
    return (
        [[result.document.id for result in results] for results in answers],
        [[result.logit for result in results] for results in answers],
    )


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"deadline_ms": 1e6}], ids=["whole", "sliced"])
def test_threads_share_a_pipeline(tmp_path, settings):
    words = ["cat", "dog", "owl", "cow", "bee", "field", "night", "sofa"]
    documents = [Document(f"d{i}", f"{words[i % 8]} {words[i // 8]} number{i}") for i in range(64)]
    index = build_index(documents, tmp_path / "i", encoder=ENCODER)
    pipeline = SearchPipeline(DenseRetriever(index, ENCODER), OverlapReranker(), cache=ScoreCache(20_000))
    queries = ["cat field", "owl at night", "bee"]
    expected = pipeline.search_batch(queries)
    batches, errors = in_threads(pipeline, queries, **settings)
    assert errors == []
    assert len(batches) == 24
    assert all(answers == expected for answers in batches)


@pytest.mark.slow
def test_threads_share_real_models(tmp_path):
    # Passages on both sides of the models' limit: a tokenizer whose truncation another thread switched off would show.
    documents = [Document(f"d{i:02}", " ".join((WORDS * 3)[i : 2 * i + 3])) for i in range(30)]
    encoder = BiEncoder(save_bi_encoder(tmp_path / "bi"), device="cpu")
    reranker = CrossEncoderReranker(save_cross_encoder(tmp_path / "cross", outputs=1), device="cpu")
    index = build_index(documents, tmp_path / "i", encoder=encoder, chunking=None)
    pipeline = SearchPipeline(DenseRetriever(index, encoder), reranker)
    queries = ["who sleeps at night ?", "the dog"]
    ids, logits = shape(pipeline.search_batch(queries))
    batches, errors = in_threads(pipeline, queries)
    assert errors == []
    assert len(batches) == 24
    for answers in batches:
        assert shape(answers)[0] == ids
        np.testing.assert_allclose(shape(answers)[1], logits, atol=1e-5)
