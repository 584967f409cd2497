import dataclasses
import math

import numpy as np
import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError, IndexModelMismatch, IndexNotFound, ModelError, QueryError
from bicross.index import Document, Index
from bicross.pipelines import SearchPipeline, Timings, add_documents, build_index
from bicross.rerank import Platt
from bicross.retrieval import DenseRetriever
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker
from hypothesis import given, settings
from hypothesis import strategies as st

ENCODER = HashEncoder()
ANIMALS = [
    Document("cat", "The cat sleeps all day on the warm sofa", "Cats"),
    Document("dog", "The dog runs in the park and sleeps at night", "Dogs"),
    Document("cow", "A cow eats grass in the green field", "Cows"),
    Document("owl", "An owl sleeps all day and hunts at night in the field", "Owls"),
    Document("bee", "Bees collect nectar from flowers", "Bees"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(ANIMALS, tmp_path_factory.mktemp("animals") / "index", encoder=ENCODER)


def pipeline(index, reranker=None, **settings):
    settings = {"retrieve_k": 5, "rerank_k": 5, "top_k": 5} | settings
    return SearchPipeline(DenseRetriever(index, ENCODER), reranker, **settings)


def test_stage_one_alone_is_the_order_of_the_vectors(index):
    query = "sleeps all day"
    results = pipeline(index).search(query)
    cosines = ENCODER.encode_documents([d.passage for d in ANIMALS]) @ ENCODER.encode_queries([query])[0]
    assert [r.document for r in results] == [ANIMALS[i] for i in np.argsort(-cosines)]
    for rank, result in enumerate(results, start=1):
        assert (result.rank, result.retrieval_rank) == (rank, rank)
        assert result.score == result.retrieval_score == pytest.approx(np.sort(cosines)[-rank], abs=1e-6)
        assert result.logit is None
        assert result.relevance == pytest.approx(1 / (1 + math.exp(9 - 12 * result.score)))


def test_the_reranker_alone_orders_by_its_logit(index):
    query = "an owl at night"
    results = pipeline(index, OverlapReranker()).search(query)
    logits = {d.id: np.float32(OverlapReranker.logit(query, d.passage)) for d in ANIMALS}
    assert [r.document.id for r in results] == sorted(logits, key=lambda i: -logits[i])
    for result in results:
        assert result.score == result.logit == logits[result.document.id]
        assert result.relevance == pytest.approx(1 / (1 + math.exp(-result.logit)))
    ranks = {r.document.id: r.rank for r in pipeline(index).search(query)}
    assert {r.document.id: r.retrieval_rank for r in results} == ranks


@pytest.mark.parametrize("blend", [0.0, 0.3, 0.8])
def test_the_blend_weighs_standardised_scores(index, blend):
    results = pipeline(index, OverlapReranker(), blend=blend).search("cow in the field")

    def standardised(values):
        return (values - np.mean(values)) / np.std(values)

    logits = np.array([r.logit for r in results])
    cosines = np.array([r.retrieval_score for r in results])
    expected = blend * standardised(logits) + (1 - blend) * standardised(cosines)
    assert [r.score for r in results] == pytest.approx(expected)
    assert list(expected) == sorted(expected, reverse=True)


def test_the_blend_is_the_rerankers_own_unless_given(index):
    assert pipeline(index, OverlapReranker(blend=0.4)).blend == 0.4
    assert pipeline(index, OverlapReranker(blend=0.4), blend=0.9).blend == 0.9
    with pytest.raises(ArgumentError, match=r"blend must be a number from 0 to 1, not 1\.5"):
        pipeline(index, OverlapReranker(), blend=1.5)


@settings(max_examples=examples(60), deadline=None)
@given(
    retrieve_k=st.integers(1, 7), rerank_k=st.integers(1, 7), top_k=st.integers(1, 7), blend=st.sampled_from([0.5, 1.0])
)
def test_every_k_that_is_allowed_gives_an_ordered_permutation(index, retrieve_k, rerank_k, top_k, blend):
    reranker = OverlapReranker()
    own = pipeline(index, reranker, blend=blend)
    if max(rerank_k, top_k) > retrieve_k:
        with pytest.raises(ArgumentError, match=rf"k=\d is larger than retrieve_k={retrieve_k}"):
            own.search("sleeps at night", retrieve_k=retrieve_k, rerank_k=rerank_k, top_k=top_k)
        return
    results = own.search("sleeps at night", retrieve_k=retrieve_k, rerank_k=rerank_k, top_k=top_k)
    first_stage = pipeline(index).search("sleeps at night")
    assert len(results) == min(top_k, 5)
    assert [r.rank for r in results] == list(range(1, len(results) + 1))
    scores = [r.score for r in results]
    assert scores == sorted(scores, reverse=True)
    assert len(reranker.calls[-1]) == min(rerank_k, 5)
    # Only what was read carries a logit, and it stands before what was not.
    assert [r.logit is not None for r in results] == [i < min(rerank_k, 5) for i in range(len(results))]
    retrieved = {r.document.id for r in first_stage[:retrieve_k]}
    assert {r.document.id for r in results} <= retrieved
    if top_k == retrieve_k:
        assert {r.document.id for r in results} == retrieved


def test_only_retrieve_k_given_pulls_the_others_down(index):
    assert len(pipeline(index, OverlapReranker()).search("sleeps", retrieve_k=2)) == 2


def test_equal_logits_keep_the_order_of_stage_one(index):
    class Indifferent(OverlapReranker):
        def score(self, pairs):
            return np.zeros(len(pairs), np.float32)

    for blend in (1.0, 0.5):
        results = pipeline(index, Indifferent(), blend=blend).search("sleeps at night")
        assert [r.retrieval_rank for r in results] == [1, 2, 3, 4, 5]


def test_a_batch_gives_what_single_queries_give_and_reranks_once(index):
    queries = ["cat on the sofa", "flowers", "hunts at night"]
    reranker = OverlapReranker(blend=0.5)
    own = pipeline(index, reranker)
    batch = own.search_batch(queries, top_k=3)
    assert len(reranker.calls) == 1
    assert len(reranker.calls[0]) == 15
    for query, results in zip(queries, batch, strict=True):
        for single, batched in zip(own.search(query, top_k=3), results, strict=True):
            assert dataclasses.replace(single, score=0, retrieval_score=0) == dataclasses.replace(
                batched, score=0, retrieval_score=0
            )
            assert (single.score, single.retrieval_score) == pytest.approx(
                (batched.score, batched.retrieval_score), abs=1e-5
            )


def test_timings_are_added_up(index):
    timings = Timings()
    own = pipeline(index, OverlapReranker())
    own.search_batch(["cat", "dog"], timings=timings)
    own.search_batch(["cow"], rerank_k=2, timings=timings)
    assert (timings.queries, timings.pairs) == (3, 12)
    assert timings.retrieve_seconds > 0
    assert timings.rerank_seconds > 0


def test_no_queries_and_no_documents(index, tmp_path):
    assert pipeline(index, OverlapReranker()).search_batch([]) == []
    empty = build_index([], tmp_path / "i", encoder=ENCODER)
    assert pipeline(empty, OverlapReranker()).search_batch(["one", "two"]) == [[], []]


def test_a_long_document_is_found_by_its_passage(tmp_path):
    filler = "Nothing of interest is said in this sentence. " * 20
    needle = "The zebra crossed the river."
    document = Document("long", f"{filler}{needle} {filler}", "A story")
    index = build_index([document, *ANIMALS], tmp_path / "i", encoder=ENCODER)
    reranker = OverlapReranker()
    first = pipeline(index, reranker).search("zebra river")[0]
    assert first.document == document
    assert needle in first.passage.text
    assert document.text[first.passage.start : first.passage.end] == first.passage.text
    assert len(first.passage.text) < len(document.text) / 3
    assert ("zebra river", f"A story {first.passage.text}") in reranker.calls[0]
    assert len(pipeline(index).search("zebra river")) == 5, "each document comes once"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "query 0 is blank; give it words to search for"),
        (" \n\t", "query 0 is blank; give it words to search for"),
        ("x" * 100_000, "query 0 has 100000 characters; at most 8192 are allowed: shorten it"),
        ("a\0b", "query 0 has a NUL character at character 1; take it out"),
        ("ab\ud800", r"query 0 has a lone surrogate U\+D800 at character 2"),
        (None, "query 0 must be a string, not NoneType: None"),
        (b"bytes", "query 0 must be a string, not bytes"),
    ],
)
def test_queries_that_cannot_be_searched(index, query, message):
    with pytest.raises(QueryError, match=message):
        pipeline(index).search(query)
    with pytest.raises(QueryError, match=message.replace("query 0", "query 1")):
        pipeline(index).search_batch(["fine", query])


def test_a_string_is_not_a_batch(index):
    with pytest.raises(QueryError, match="takes a list of queries"):
        pipeline(index).search_batch("cat")


@pytest.mark.parametrize("name", ["retrieve_k", "rerank_k", "top_k"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "5"])
def test_a_k_that_is_not_a_positive_whole_number(index, name, value):
    message = f"{name} must be a whole number of at least 1, not {value!r}"
    with pytest.raises(ArgumentError, match=message):
        pipeline(index).search("cat", **{name: value})
    with pytest.raises(ValueError, match=message):
        pipeline(index, **{name: value})


def test_a_k_beyond_retrieve_k_names_both(index):
    with pytest.raises(ValueError, match="top_k=6 is larger than retrieve_k=5"):
        pipeline(index).search("cat", top_k=6)
    with pytest.raises(ValueError, match="rerank_k=9 is larger than retrieve_k=5"):
        pipeline(index, rerank_k=9)


def test_scores_that_are_not_finite_name_the_pair(index):
    class Broken(OverlapReranker):
        def score(self, pairs):
            return np.array([np.nan if "Bees" in passage else 0 for _, passage in pairs], np.float32)

    with pytest.raises(ModelError, match="not finite for 'cat' and 'Bees Bees collect"):
        pipeline(index, Broken()).search("cat")

    class Short(OverlapReranker):
        def score(self, pairs):
            return np.zeros(len(pairs) - 1, np.float32)

    with pytest.raises(ModelError, match=r"scores of shape \(4,\) for 5 pairs"):
        pipeline(index, Short()).search("cat")


def test_open_takes_objects_and_checks_the_encoder(index):
    opened = SearchPipeline.open(index.path, encoder=ENCODER, reranker=OverlapReranker(blend=0.7), top_k=2)
    assert opened.blend == 0.7
    assert len(opened.search("cat on the sofa")) == 2
    with pytest.raises(IndexModelMismatch, match="'hash-encoder', which is not 'stranger'"):
        SearchPipeline.open(index.path, encoder=HashEncoder(name="stranger"), reranker=None)
    with pytest.raises(ArgumentError, match="top_k=200 is larger than retrieve_k=100"):
        SearchPipeline.open(index.path, encoder=ENCODER, reranker=None, top_k=200, retrieve_k=100)
    assert SearchPipeline.open(index.path, encoder=ENCODER, reranker=None, top_k=200).options.retrieve_k == 200
    with pytest.raises(IndexNotFound, match="nowhere does not exist"):
        SearchPipeline.open("nowhere")


def test_open_never_fetches_the_model_that_an_index_names(index):
    with pytest.raises(ModelError, match=r"was built with 'hash-encoder'.*Or name it as the encoder"):
        SearchPipeline.open(index.path, reranker=None)


def test_the_pipeline_is_deterministic(index):
    own = pipeline(Index.open(index.path), OverlapReranker(blend=0.5))
    assert own.search("sleeps in the field") == own.search("sleeps in the field")


BOOKS = [
    Document("b1", "the cat sleeps", "", {"year": 1999, "lang": "en"}),
    Document("b2", "the cat runs", "", {"year": 2005, "lang": "de"}),
    Document("b3", "the dog sleeps", "", {"year": 2020, "lang": "en"}),
    Document("b4", "the cat and the dog", "", {"lang": "en"}),
]


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """Two segments, of which the second knows another type of year."""
    path = tmp_path_factory.mktemp("books") / "index"
    build_index(BOOKS, path, encoder=ENCODER)
    add_documents(path, [Document("b5", "a cat in the sun", "", {"year": 2010.5, "lang": "en"})], encoder=ENCODER)
    return Index.open(path)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("year >= 2005", ["b2", "b3", "b5"]),
        ("year >= 2005 and lang == 'en'", ["b3", "b5"]),
        (pc.field("year") < 2010.75, ["b1", "b2", "b5"]),
        ("year is None", ["b4"]),
        ("lang == 'fr'", []),
    ],
    ids=str,
)
def test_where_restricts_both_stages(books, where, expected):
    reranker = OverlapReranker()
    results = pipeline(books, reranker).search("the cat sleeps", where=where)
    assert sorted(r.document.id for r in results) == expected
    assert sum(map(len, reranker.calls)) == len(expected), "the reranker reads nothing that does not match"
    assert [r.retrieval_rank for r in pipeline(books).search("the cat", where=where)] == list(
        range(1, len(expected) + 1)
    )
    batch = pipeline(books, OverlapReranker()).search_batch(["the cat sleeps", "dog"], where=where, top_k=2)
    assert [len(of_query) for of_query in batch] == [min(2, len(expected))] * 2
    assert [r.document.id for r in batch[0]] == [r.document.id for r in results[:2]]


def test_where_fills_every_k_from_what_matches(books):
    results = pipeline(books).search("the dog sleeps", where="year < 2015", retrieve_k=2)
    assert [r.document.metadata["year"] < 2015 for r in results] == [True, True]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("year >", "year >"),
        ("colour == 'red'", "no field 'colour' to filter by; there are: 'lang', 'year'"),
        (5, "int"),
    ],
)
def test_a_where_that_cannot_be_used_is_an_argument_error(books, where, message):
    with pytest.raises(ArgumentError, match=message):
        pipeline(books).search("cat", where=where)
    with pytest.raises(ArgumentError, match=message):
        pipeline(books).search_batch(["cat"], where=where)


def test_a_reranker_that_brings_a_calibration_says_what_its_logits_mean(index):
    class Calibrated(OverlapReranker):
        calibration = Platt(0.5, -3.0)

    query = "an owl at night"
    plain = pipeline(index, OverlapReranker()).search(query)
    calibrated = pipeline(index, Calibrated()).search(query)
    assert [result.relevance for result in calibrated] == pytest.approx(
        [1 / (1 + math.exp(3 - 0.5 * result.logit)) for result in plain]
    )
    assert [(r.document, r.score) for r in calibrated] == [(r.document, r.score) for r in plain]
    assert pipeline(index, Calibrated(), calibration=Platt(1.0, 0.0)).search(query) == plain


@pytest.mark.slow
def test_the_relevance_of_a_pair_does_not_depend_on_the_others(index, tmp_path):
    """With a real transformer: what else is read, retrieved, or asked moves a logit by rounding alone."""
    from bicross.rerank import CrossEncoderReranker
    from helpers.tiny_models import save_cross_encoder

    reranker = CrossEncoderReranker(save_cross_encoder(tmp_path / "model", outputs=1), device="cpu")
    calibrated = pipeline(index, reranker, calibration=Platt(0.7, -0.3))

    def scores(results):
        return {result.document.id: (result.logit, result.relevance) for result in results if result.logit is not None}

    query = "the cat sleeps all day"
    everything = scores(calibrated.search(query))
    assert len({logit for logit, _ in everything.values()}) == 5, "the model tells them apart"
    others = [
        scores(calibrated.search_batch(["an owl", query, "the dog runs in the park at night"])[1]),
        *(scores(calibrated.search(query, rerank_k=depth)) for depth in (1, 2, 3)),
        *(scores(calibrated.search(query, where=None, retrieve_k=depth)) for depth in (1, 4)),
    ]
    for values_by_id in others:
        assert values_by_id
        for id_, values in values_by_id.items():
            assert values == pytest.approx(everything[id_], abs=1e-5)


@pytest.mark.parametrize("queries", [None, 5, iter(["cat"])])
def test_a_batch_that_is_no_list(index, queries):
    with pytest.raises(QueryError, match="search_batch takes a list of queries, not "):
        pipeline(index).search_batch(queries)


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": 5},
        {"blend": "half"},
        {"device": 5},
        {"device": [5]},
        {"device": []},
        {"encoder": 5},
        {"reranker": 5},
    ],
)
def test_arguments_of_the_wrong_type_are_named(index, wrong):
    (name,) = wrong
    with pytest.raises(ArgumentError, match=rf"^{name} must "):
        SearchPipeline.open(index.path, **{"encoder": ENCODER, "reranker": None} | wrong)


@pytest.mark.parametrize("wrong", [{"encoder": 5}, {"index_type": 5}])
def test_builds_with_arguments_of_the_wrong_type(tmp_path, wrong):
    with pytest.raises(ArgumentError, match=r"^(encoder|the index type) must be "):
        build_index(ANIMALS, tmp_path / "index", **{"encoder": ENCODER} | wrong)
