import numpy as np
import pytest
from bicross.errors import ArgumentError, SourceError
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.pipelines.training import PseudoQueryOptions, pseudo_query_lists, pseudo_query_pairs
from bicross.pipelines.training.pseudo_lists import with_priors
from bicross.retrieval import DenseRetriever
from helpers.fakes import HashEncoder, OverlapReranker

ANIMALS = ("cat", "dog", "owl", "bee", "cow", "ant")
DOCUMENTS = [
    Document(
        animal,
        f"Every {animal} sleeps when the {animal} is tired. In the field the {animal} looks for food all day. "
        f"A {animal} has its own house.",
        f"About the {animal}",
    )
    for animal in ANIMALS
]


@pytest.fixture
def retriever(tmp_path):
    encoder = HashEncoder()
    return DenseRetriever(build_index(DOCUMENTS, tmp_path / "index", encoder=encoder, reranker=None), encoder)


PAIRS = pseudo_query_pairs(DOCUMENTS)


def nothing_held_out(**options):
    return PseudoQueryOptions(held_out=0.0, **options)


def test_negatives_are_the_like_passages_of_the_nearest_other_documents(retriever):
    lists, held_out = pseudo_query_lists(PAIRS, retriever, nothing_held_out(negatives=3))
    assert held_out == []
    assert [ranking.query for ranking in lists] == [pair.query for pair in PAIRS]
    passage_of = {(pair.kind, pair.document_id): pair.passage for pair in PAIRS}
    for pair, ranking in zip(PAIRS, lists, strict=True):
        assert ranking.passages[0] == pair.passage
        assert ranking.labels == (1.0, 0.0, 0.0, 0.0)
        nearest_ids = [hit.document.id for hit in retriever.retrieve([pair.query], len(DOCUMENTS))[0]]
        others = [passage_of[pair.kind, id_] for id_ in nearest_ids if id_ != pair.document_id]
        assert list(ranking.passages[1:]) == others[:3]


def test_what_has_the_words_of_the_query_is_no_negative(tmp_path):
    encoder = HashEncoder()
    quoting = Document("quoting", f"Somebody wrote this. {DOCUMENTS[0].text.upper()}".replace(" ", "\n"), "A quote")
    documents = [*DOCUMENTS, quoting]
    retriever = DenseRetriever(build_index(documents, tmp_path / "index", encoder=encoder, reranker=None), encoder)
    lists, _ = pseudo_query_lists(
        pseudo_query_pairs(documents, kinds=["title"]), retriever, nothing_held_out(negatives=10)
    )
    assert all(any("Somebody" in passage for passage in ranking.passages) for ranking in lists)
    sentences, _ = pseudo_query_lists(
        pseudo_query_pairs(documents, kinds=["sentence"]), retriever, nothing_held_out(negatives=10)
    )
    quoted = [ranking for ranking in sentences if ranking.query in DOCUMENTS[0].text]
    assert len(quoted) == 1
    assert not any("Somebody" in passage for passage in quoted[0].passages)


class Contrary(OverlapReranker):
    """Puts last what the other puts first."""

    def score(self, pairs):
        return -super().score(pairs)


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize("reranker", [OverlapReranker(), Contrary()])
def test_pairs_are_kept_where_a_reranker_ranks_their_passage_high(retriever, top_k, reranker):
    everything, _ = pseudo_query_lists(PAIRS, retriever, nothing_held_out(negatives=5))
    expected = {}
    for ranking in everything:
        answer, *others = reranker.score([(ranking.query, passage) for passage in ranking.passages]).tolist()
        below = [passage for passage, score in zip(ranking.passages[1:], others, strict=True) if score < answer]
        if 5 - len(below) < top_k:
            expected[ranking.query] = (ranking.passages[0], *below)
    options = nothing_held_out(negatives=5, reranker=reranker, top_k=top_k)
    if not expected:
        with pytest.raises(
            SourceError, match=f"keeps none of the 12 pairs: the reranker ranks no passage in the top {top_k}"
        ):
            pseudo_query_lists(PAIRS, retriever, options)
        return
    consistent, _ = pseudo_query_lists(PAIRS, retriever, options)
    assert {ranking.query: ranking.passages for ranking in consistent} == expected
    assert all(ranking.labels == (1.0, *[0.0] * (len(ranking.passages) - 1)) for ranking in consistent)


def test_documents_are_held_out_whole(retriever):
    owner = {pair.query: pair.document_id for pair in PAIRS}
    training, held_out = pseudo_query_lists(PAIRS, retriever, PseudoQueryOptions(held_out=0.3))
    trained_on, measured_on = ({owner[ranking.query] for ranking in lists} for lists in (training, held_out))
    assert (len(trained_on), len(measured_on)) == (4, 2)
    assert not trained_on & measured_on
    assert len(training) + len(held_out) == len(owner)
    assert pseudo_query_lists(PAIRS, retriever, PseudoQueryOptions(held_out=0.3)) == (training, held_out)
    assert pseudo_query_lists(PAIRS, retriever, PseudoQueryOptions(held_out=0.3, seed=1)) != (training, held_out)


def test_one_document_is_not_held_out(tmp_path):
    encoder = HashEncoder()
    index = build_index(DOCUMENTS[:1], tmp_path / "index", encoder=encoder, reranker=None)
    training, held_out = pseudo_query_lists(
        pseudo_query_pairs(DOCUMENTS[:1]), DenseRetriever(index, encoder), PseudoQueryOptions()
    )
    assert (len(training), held_out) == (2, [])
    assert all(len(ranking.passages) == 1 for ranking in training)


def test_a_draw_is_of_so_many_pairs(retriever):
    reported = []
    options = nothing_held_out(limit=5)
    lists, _ = pseudo_query_lists(PAIRS, retriever, options, on_progress=lambda done, of: reported.append((done, of)))
    everything, _ = pseudo_query_lists(PAIRS, retriever, nothing_held_out())
    assert len(lists) == 5
    assert [ranking for ranking in everything if ranking in lists] == lists
    assert reported == [(5, 5)]


def test_priors_are_the_cosines_of_stage_one(retriever):
    lists, _ = pseudo_query_lists(PAIRS, retriever, nothing_held_out(negatives=3))
    encoder = HashEncoder()
    for ranking, with_prior in zip(lists, with_priors(lists, encoder), strict=True):
        assert (with_prior.query, with_prior.passages, with_prior.labels) == (
            ranking.query,
            ranking.passages,
            ranking.labels,
        )
        cosines = encoder.encode_documents(with_prior.passages) @ encoder.encode_queries([with_prior.query])[0]
        np.testing.assert_allclose(with_prior.prior, (cosines - cosines.mean()) / cosines.std(), atol=1e-4)
        assert np.std(with_prior.prior) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"negatives": 0}, "negatives must be at least 1, not 0"),
        ({"top_k": 0}, "top_k must be at least 1, not 0"),
        ({"limit": 0}, "limit must be at least 1, not 0"),
        ({"held_out": 1.0}, "held_out is a share of the documents, from 0 to below 1, not 1.0"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(ArgumentError, match=message):
        PseudoQueryOptions(**options)
