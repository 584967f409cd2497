"""Neighbours of documents, within a threshold and by number, and their vectors: against brute force."""

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt
from bicross.index import Index, VectorLayout
from bicross.index.vectors import VectorIndex, rows_within
from helpers.examples import examples
from helpers.toy_collections import DIMENSION, FINGERPRINT, batch, oracle_of, record, unit_vectors
from hypothesis import example, given, settings
from hypothesis import strategies as st

EXACT = ["Flat", "IVF4,Flat", "HNSW8,Flat", "PQ8x4fs,RFlat", "IVF4,PQ8x4fs,RFlat"]
"""Layouts that keep exact vectors, whatever they search first."""
CODES = ["SQ8", "IVF4,SQ8", "HNSW8,SQ8", "PQ8x4fs", "SQfp16"]
DOUBT = 1e-5
"""Scores nearer to the threshold than this may fall on either side of it."""


def some_records(count):
    """Documents of one to three passages."""
    return [record(number, passages=1 + number % 3) for number in range(count)]


def near_ones(records, id_):
    """The score of each other document, in float64: that of the nearest pair of passages."""
    vectors = {record.document.id: record.vectors.astype(np.float64) for record in records}
    return {other: (vectors[id_] @ theirs.T).max() for other, theirs in vectors.items() if other != id_}


def assert_within(hits, scores, threshold):
    reached = {id_ for id_, score in scores.items() if score >= threshold}
    doubtful = {id_ for id_, score in scores.items() if abs(score - threshold) <= DOUBT}
    ids = [hit.document.id for hit in hits]
    assert len(set(ids)) == len(ids)
    assert reached - doubtful <= set(ids) <= reached | doubtful
    assert [hit.score for hit in hits] == pytest.approx([scores[id_] for id_ in ids], abs=1e-5)
    assert [(-hit.score, hit.document.id) for hit in hits] == sorted((-hit.score, hit.document.id) for hit in hits)


def pick(records, where):
    return [r for r in records if where is None or r.document.metadata["even"]]


@settings(max_examples=examples(20), deadline=None)
@given(
    count=st.integers(1, 30),
    deleted=st.sets(st.integers(0, 29), max_size=20),
    parts=st.integers(1, 3),
    threshold=st.floats(-1, 1) | st.sampled_from([-1.0, 0.0, 1.0]),
    where=st.sampled_from([None, "even"]),
    k=st.none() | st.integers(1, 12),
)
@example(count=30, deleted={0}, parts=2, threshold=0.3, where="even", k=None)
def test_neighbours_within_a_threshold_equal_brute_force(tmp_path_factory, count, deleted, parts, threshold, where, k):
    records = some_records(count)
    index = Index.create(tmp_path_factory.mktemp("i") / "i", FINGERPRINT)
    for part in np.array_split(np.array(records, object), parts):
        index.add([batch(part)] if len(part) else [])
    index.delete([f"d{number}" for number in deleted])
    live = [r for number, r in enumerate(records) if number not in deleted]
    ids = [r.document.id for r in live]
    allowed = {r.document.id for r in pick(live, where)}
    for id_, hits in zip(ids, index.neighbours(ids, k, threshold=threshold, where=where), strict=True):
        scores = {other: score for other, score in near_ones(live, id_).items() if other in allowed}
        if k is not None:
            assert len(hits) <= k
            cut = sorted(scores.values(), reverse=True)[k - 1 : k]
            scores = {other: score for other, score in scores.items() if not cut or score >= cut[0] - DOUBT}
            threshold_of_hits = max([threshold, *(value + DOUBT for value in cut)])
            assert {i for i, s in scores.items() if s > threshold_of_hits + DOUBT} <= {h.document.id for h in hits}
            assert all(hit.score >= threshold - DOUBT for hit in hits)
        else:
            assert_within(hits, scores, threshold)


@pytest.mark.parametrize("layout", EXACT)
def test_layouts_that_keep_exact_vectors_miss_nothing(tmp_path, layout):
    """Lists and graphs are searched for a few; a threshold alone compares every vector."""
    records = some_records(200)
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(records)], layout=VectorLayout(layout))
    index.delete([f"d{number}" for number in range(0, 200, 7)])
    live = [r for number, r in enumerate(records) if number % 7]
    ids = [r.document.id for r in live[:20]]
    for id_, hits in zip(ids, index.neighbours(ids, threshold=0.2), strict=True):
        assert hits
        assert_within(hits, near_ones(live, id_), 0.2)
    for id_, vectors in zip(ids, index.vectors(ids), strict=True):
        np.testing.assert_array_equal(vectors, oracle_of(live)[id_].vectors)


@pytest.mark.parametrize("layout", CODES)
def test_layouts_of_codes_compare_what_their_codes_decode_to(tmp_path, layout):
    records = some_records(200)
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(records)], layout=VectorLayout(layout))
    ids = [r.document.id for r in records]
    decoded = dict(zip(ids, index.vectors(ids), strict=True))
    for id_, hits in zip(ids[:5], index.neighbours(ids[:5], threshold=0.1), strict=True):
        scores = {other: float((decoded[id_] @ decoded[other].T).max()) for other in ids if other != id_}
        assert_within(hits, scores, 0.1)


def test_vectors_are_those_of_the_passages_in_order(tmp_path):
    records = some_records(12)
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(records[:6]), batch(records[6:])])
    index.upsert([batch([record(3, passages=1)])])
    ids = ["d3", "d11", "d0", "d8", "d3"]
    for id_, vectors in zip(ids, index.vectors(ids), strict=True):
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(vectors, oracle_of(records)[id_].vectors)
    assert [len(passages) for passages in index.passages(ids)] == [len(vectors) for vectors in index.vectors(ids)]
    assert [[p.text for p in passages] for passages in index.passages(["d3", "d11"])] == [["a"], ["a", "b", "c"]]
    assert index.vectors([]) == index.passages([]) == []
    assert len({len(vectors) for vectors in index.vectors([f"d{n}" for n in range(12)])}) > 1
    pinned = index.pinned()
    index.delete(["d0"])
    assert len(pinned.vectors(["d0"])) == 1
    with pytest.raises(ArgumentError, match="there is no document with the id 'd0'"):
        index.vectors(["d1", "d0"])
    with pytest.raises(ArgumentError, match="there is no document with the id 'd0'"):
        index.passages(["d1", "d0"])


@pytest.mark.parametrize("layout", ["Flat", "IVF4,SQ8"])
def test_documents_come_with_their_vectors(tmp_path, layout, monkeypatch):
    monkeypatch.setattr("bicross.index.reading.document_vectors.ROWS_AT_ONCE", 16)
    batches = [batch(some_records(100)), batch([record(number, passages=2) for number in range(100, 150)])]
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=batches, layout=VectorLayout(layout))
    index.delete([f"d{number}" for number in [*range(10, 50), 120]])
    pairs = list(index.embedded_documents())
    assert [document for document, _ in pairs] == list(index.documents())
    for (_, own), vectors in zip(pairs, index.vectors([document.id for document, _ in pairs]), strict=True):
        np.testing.assert_array_equal(own, vectors)


def test_equal_vectors_reach_a_threshold_of_one(tmp_path):
    """The product of a unit vector with itself may be 0.9999999."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert ((vectors * vectors).sum(axis=1) < 1).any()
    store = VectorIndex(DIMENSION)
    store.add(np.repeat(vectors, 2, axis=0))
    for number, within in enumerate(rows_within(store, vectors, 1.0)):
        assert within.rows.tolist() == [2 * number, 2 * number + 1]


@settings(max_examples=examples(40), deadline=None)
@given(rows=st.integers(0, 60), queries=st.integers(0, 5), threshold=st.floats(-1, 1), seed=st.integers(0, 99))
def test_blocks_find_what_one_comparison_finds(rows, queries, threshold, seed):
    vectors, lines = unit_vectors(rows, seed=seed), unit_vectors(queries, seed=seed + 1)
    allowed = np.random.default_rng(seed).random(rows) < 0.5
    store = VectorIndex(DIMENSION)
    store.add(vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bicross.index.vectors.within._BLOCK_VALUES", 7 * DIMENSION)
        blocks = rows_within(store, lines, threshold, allowed=allowed)
    for line, within in zip(lines, blocks, strict=True):
        scores = vectors @ line
        sure = {row for row in np.flatnonzero(allowed).tolist() if scores[row] > threshold + DOUBT}
        possible = {row for row in np.flatnonzero(allowed).tolist() if scores[row] > threshold - DOUBT}
        assert sure <= set(within.rows.tolist()) <= possible
        assert (np.diff(within.scores) <= 0).all()


def test_vectors_that_are_not_finite_are_an_error():
    store = VectorIndex(2)
    store._index.add(np.array([[np.nan, 1.0]], np.float32))
    with pytest.raises(IndexCorrupt, match="are not finite numbers"):
        rows_within(store, np.array([[1.0, 0.0]], np.float32), 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "k is None, and so is threshold: give the number of neighbours, their least score, or both"),
        ({"threshold": 1.2}, r"threshold must be a number from -1 to 1, not 1.2 \(float\)"),
        ({"threshold": float("nan")}, "threshold must be a number from -1 to 1, not nan"),
        ({"threshold": "0.5"}, "threshold must be a number from -1 to 1, not '0.5'"),
        ({"k": 0, "threshold": 0.5}, "k must be at least 1, not 0"),
    ],
)
def test_wrong_numbers(tmp_path, arguments, message):
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch([record(1)])])
    with pytest.raises(ArgumentError, match=message):
        index.neighbours(["d1"], **arguments)
