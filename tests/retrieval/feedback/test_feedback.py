"""Feedback and smoothing: what a plain computation with numpy says, document by document, of any candidates."""

import dataclasses

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import BM25, Document, Index
from bicross.pipelines import SearchPipeline, build_index, upsert_documents
from bicross.retrieval import DenseRetriever, Feedback, HybridRetriever, NormalisedSum, ReciprocalRank, feedback_scores
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

ENCODER = HashEncoder(16)
DIMENSION = 4
WORDS = ["sea", "ice", "fire", "stone", "wind", "salt", "rain"]
QUERIES = ["ice in the sea", "fire and stone", "salt", "unheard-of", "wind rain wind"]
STRONG = Feedback(weight=0.6, documents=3, smoothing=0.5, neighbours=2)
STRENGTHS = [Feedback(), STRONG, Feedback(smoothing=0.0), Feedback(weight=0.0), Feedback(weight=1.0, smoothing=1.0)]

coordinates = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0])
passages = st.lists(arrays(np.float32, st.tuples(st.integers(1, 3), st.just(DIMENSION)), elements=coordinates))
strengths = st.builds(
    Feedback,
    weight=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    documents=st.integers(1, 4),
    smoothing=st.sampled_from([0.0, 0.2, 1.0]),
    neighbours=st.integers(1, 6),
)


def unit(vector):
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else None


def oracle(feedback, query, candidates, dense, fuse):
    """One document after the other, with lists and loops, in the order of ids."""
    places = range(len(candidates))

    def best(row, vector):
        products = [np.float32(np.dot(row.astype(float), vector)) for row in candidates[row]]
        return candidates[row][int(np.argmax(products))].astype(float), float(max(products))

    query = query.astype(float)
    if feedback.weight:
        fused = fuse(dense)
        first = sorted(places, key=lambda row: (-fused[row], -dense[row], row))[: feedback.documents]
        mean = np.mean([best(row, query)[0] for row in first], axis=0)
        moved = unit((1 - feedback.weight) * query + feedback.weight * mean)
        query = query if moved is None else moved
        dense = np.array([best(row, query)[1] for row in places])
    scores = fuse(dense)
    if not feedback.smoothing:
        return scores, dense
    vectors, result = [best(row, query)[0] for row in places], []
    for row in places:
        near = sorted(
            (other for other in places if other != row),
            key=lambda other: (-np.float32(vectors[row] @ vectors[other]), other),
        )[: feedback.neighbours]
        weights = [max(0.0, float(np.float32(vectors[row] @ vectors[other]))) for other in near]
        mean = np.average(scores[near], weights=weights) if sum(weights) else scores[row]
        result.append((1 - feedback.smoothing) * scores[row] + feedback.smoothing * mean)
    return np.array(result), dense


@given(
    feedback=strengths,
    query=arrays(np.float32, DIMENSION, elements=coordinates).filter(lambda vector: np.linalg.norm(vector) > 0),
    candidates=passages.filter(bool),
    fusion=st.sampled_from([NormalisedSum(), NormalisedSum(0.0), NormalisedSum(1.0), ReciprocalRank()]),
    seed=st.integers(0, 99),
)
@settings(max_examples=examples(200))
def test_scores_are_those_of_a_plain_computation(feedback, query, candidates, fusion, seed):
    query = (query / np.linalg.norm(query)).astype(np.float32)
    lexical = np.random.default_rng(seed).integers(0, 4, len(candidates)).astype(float)
    dense = np.array([np.float32((rows.astype(float) @ query.astype(float)).max()) for rows in candidates], float)

    def fuse(dense):
        return fusion.fuse(dense, lexical)

    scores, products = feedback_scores(feedback, query, candidates, dense, fuse)
    expected, expected_products = oracle(feedback, query, candidates, dense, fuse)
    np.testing.assert_allclose(products, expected_products, atol=1e-6)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_no_candidate_and_one():
    query = np.array([1, 0, 0, 0], np.float32)
    scores, products = feedback_scores(Feedback(), query, [], np.empty(0), lambda dense: dense)
    assert scores.shape == products.shape == (0,)
    row = np.array([[0.6, 0.8, 0, 0]], np.float32)
    scores, products = feedback_scores(Feedback(), query, [row], np.array([0.6]), lambda dense: dense)
    moved = np.array([0.8 + 0.2 * 0.6, 0.2 * 0.8])
    assert products == scores == pytest.approx([moved @ [0.6, 0.8] / np.linalg.norm(moved)])


def test_opposite_vectors_leave_the_query():
    query = np.array([1, 0, 0, 0], np.float32)
    away = Feedback(weight=0.5, smoothing=0.0)
    _, products = feedback_scores(away, query, [-query[None]], np.array([-1.0]), lambda dense: dense)
    assert products == [-1.0]


# Retrievers


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Three segments with deleted, replaced and equal documents; some have several passages."""
    rng = np.random.default_rng(5)
    documents = [
        Document(f"d{n:02}", ". ".join(" ".join(rng.choice(WORDS, 6)) for _ in range(1 + n % 9)), metadata={"n": n % 3})
        for n in range(60)
    ]
    documents += [dataclasses.replace(documents[n], id=f"copy{n:02}") for n in range(5)]
    path = tmp_path_factory.mktemp("feedback") / "i"
    build_index(documents[:30], path, encoder=ENCODER, reranker=None, lexical=True)
    upsert_documents(path, documents[25:], encoder=ENCODER)
    upsert_documents(path, [Document("d03", "salt and rain", metadata={"n": 0})], encoder=ENCODER)
    Index.open(path).delete(["d07", "d41"])
    return Index.open(path)


def ids(hits):
    return [hit.document.id for hit in hits]


def retrieved(index, query, feedback, *, fusion, where=None, k=200):
    """The whole first stage in numpy, from the vectors of all documents."""
    if fusion is None:
        [hits] = DenseRetriever(index, ENCODER).retrieve([query], k, where=where)
    else:
        [hits] = HybridRetriever(index, ENCODER).candidates([query], k, where=where)
    hits = sorted(hits, key=lambda hit: hit.document.id)
    dense = np.array([hit.dense_score for hit in hits])
    lexical = np.array([hit.lexical_score or 0.0 for hit in hits])
    fuse = (lambda dense: dense) if fusion is None else (lambda dense: fusion.fuse(dense, lexical))
    [vector] = ENCODER.encode_queries([query])
    scores, products = oracle(feedback, vector, index.vectors(ids(hits)), dense, fuse)
    order = sorted(range(len(hits)), key=lambda row: (-round(scores[row], 9), -products[row], row))
    return {hits[row].document.id: scores[row] for row in order}


@pytest.mark.parametrize("where", [None, "n == 1"])
@pytest.mark.parametrize("feedback", STRENGTHS, ids=lambda strength: f"{strength.weight}-{strength.smoothing}")
@pytest.mark.parametrize("fusion", [None, NormalisedSum()], ids=["dense", "hybrid"])
def test_retrievers_are_the_plain_computation(index, fusion, feedback, where):
    if fusion is None:
        retriever = DenseRetriever(index, ENCODER, feedback=feedback)
    else:
        retriever = HybridRetriever(index, ENCODER, fusion=fusion, feedback=feedback)
    for query, hits in zip(QUERIES, retriever.retrieve(QUERIES, 200, where=where), strict=True):
        expected = retrieved(index, query, feedback, fusion=fusion, where=where)
        assert set(ids(hits)) == expected.keys()
        np.testing.assert_allclose([hit.score for hit in hits], [expected[id_] for id_ in ids(hits)], atol=1e-6)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert {"d07", "d41"}.isdisjoint(ids(hits))


@pytest.mark.parametrize("make", [DenseRetriever, HybridRetriever])
def test_alone_and_together_and_fewer_and_more_are_the_same(index, make):
    retriever = make(index, ENCODER, feedback=Feedback())
    together = retriever.retrieve(QUERIES, 50)
    for query, hits in zip(QUERIES, together, strict=True):
        [alone] = retriever.retrieve([query], 50)
        assert [(hit.score, hit.stages) for hit in alone] == [(hit.score, hit.stages) for hit in hits]
        for k in (1, 3):
            [fewer] = retriever.retrieve([query], k)
            assert [(*ids([hit]), hit.score) for hit in fewer] == [(*ids([hit]), hit.score) for hit in hits[:k]]


@pytest.mark.parametrize("make", [DenseRetriever, HybridRetriever])
def test_no_feedback_searches_as_without_the_option(index, make):
    without, nothing = make(index, ENCODER), make(index, ENCODER, feedback=Feedback(weight=0.0, smoothing=0))
    assert nothing.retrieve(QUERIES, 9) == without.retrieve(QUERIES, 9)


def test_equal_documents_stay_together_in_the_order_of_their_ids(index):
    [hits] = HybridRetriever(index, ENCODER, feedback=STRONG).retrieve(["salt and rain in the sea"], 100)
    places = {id_: rank for rank, id_ in enumerate(ids(hits))}
    scores = {hit.document.id: hit.score for hit in hits}
    for number in (0, 1, 2, 4):
        assert scores[f"copy{number:02}"] == pytest.approx(scores[f"d{number:02}"], abs=1e-12)
        assert places[f"copy{number:02}"] + 1 == places[f"d{number:02}"]


@pytest.mark.parametrize("make", [DenseRetriever, HybridRetriever])
def test_an_index_of_one_document_and_an_empty_one(tmp_path, make):
    single = build_index([Document("a", "salt")], tmp_path / "1", encoder=ENCODER, reranker=None, lexical=True)
    empty = build_index([], tmp_path / "0", encoder=ENCODER, reranker=None, lexical=True)
    assert [ids(hits) for hits in make(single, ENCODER, feedback=STRONG).retrieve(QUERIES, 3)] == [["a"]] * len(QUERIES)
    assert make(empty, ENCODER, feedback=STRONG).retrieve(QUERIES, 3) == [[]] * len(QUERIES)


def test_the_stages_of_a_hit_are_its_ranks_and_scores(index):
    [hits] = HybridRetriever(index, ENCODER, feedback=Feedback()).retrieve(["salt rain"], 20)
    [plain] = HybridRetriever(index, ENCODER, weights=BM25()).retrieve(["salt rain"], 200)
    fused = {hit.document.id: (rank, hit.score) for rank, hit in enumerate(plain, start=1)}
    for rank, hit in enumerate(hits, start=1):
        stages = {stage.stage: stage for stage in hit.stages}
        assert [*stages] == [name for name in ("vectors", "words", "fused", "feedback") if name in stages]
        assert stages["vectors"].score == hit.dense_score
        assert ("words" in stages) == bool(hit.lexical_score)
        assert not hit.lexical_score or stages["words"].score == hit.lexical_score
        assert (stages["fused"].rank, stages["fused"].score) == fused[hit.document.id]
        assert (stages["feedback"].rank, stages["feedback"].score) == (rank, hit.score)


def test_a_search_stays_on_one_generation(index, tmp_path):
    """The index that a search began with moves on after the encoding: all steps are of the generation before."""
    path = tmp_path / "moving"
    documents = [Document(f"d{n}", f"salt {WORDS[n % 7]}") for n in range(9)]
    build_index(documents, path, encoder=ENCODER, reranker=None, lexical=True)
    opened = Index.open(path)

    class Moving(HashEncoder):
        def encode_queries(self, queries):
            opened.delete(["d0", "d1", "d2"])
            opened.refresh()
            return super().encode_queries(queries)

    [hits] = HybridRetriever(opened, Moving(16), feedback=Feedback()).retrieve(["salt sea"], 20)
    assert len(hits) == 9
    assert len(opened) == 6


@pytest.mark.parametrize("wrong", [{"weight": -0.1}, {"weight": 1.1}, {"smoothing": float("nan")}, {"documents": 0}])
def test_strengths_are_checked(wrong):
    with pytest.raises(ArgumentError, match=f"{next(iter(wrong))} must be"):
        Feedback(**wrong)


def test_a_pipeline_with_feedback_reranks_its_candidates(index):
    retriever = HybridRetriever(index, ENCODER, feedback=Feedback())
    pipeline = SearchPipeline(retriever, OverlapReranker(), retrieve_k=20, rerank_k=5, top_k=5)
    [hits] = retriever.retrieve(["salt rain"], 20)
    results = pipeline.search("salt rain")
    assert {result.document.id for result in results} == set(ids(hits[:5]))
    assert pipeline.search("salt rain", top_k=3) == results[:3]
