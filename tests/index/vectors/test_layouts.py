"""An index whose vectors are not simply stored: trained, shared by all segments, measured, chosen by size."""

import itertools
import logging

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexNotFound
from bicross.index import Document, EmbeddedBatch, Index, Passage, VectorLayout
from bicross.index.vectors import SearchSettings
from helpers.examples import examples
from helpers.toy_collections import DIMENSION, FINGERPRINT, assert_same, batch, oracle_of, record, unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ["SQ8", "IVF8,Flat", "IVF8,SQ8", "HNSW16", "PQ8x4fs,Refine(SQ8)", "IVF8,PQ8x4fs,Refine(SQ8)"]
RECORDS = [record(n) for n in range(400)]
QUERIES = unit_vectors(60, seed=4242)
SLACK = 0.06
"""Recall of a few queries from outside of the collection, against that measured with many from inside."""


def create(path, records, layout, *, parts=3, **options):
    batches = [batch(part) for part in np.array_split(np.array(records, object), parts)] if records else []
    return Index.create(path, FINGERPRINT, batches=batches, layout=layout, **options)


def recall(index, oracle, k):
    """The share of the true k nearest that is found; every score must be near that of the document."""
    shares, errors = [], []
    ids, every_score = list(oracle), np.array([(r.vectors @ QUERIES.T).max(axis=0) for r in oracle.values()])
    rows = {id_: row for row, id_ in enumerate(ids)}
    for of_query, hits in zip(every_score.T, index.search(QUERIES, k), strict=True):
        expected = {ids[row] for row in np.argsort(-of_query, kind="stable")[:k]}
        assert len(hits) == len({hit.document.id for hit in hits}) == len(expected)
        scores = [float(of_query[rows[hit.document.id]]) for hit in hits]
        errors += [abs(hit.score - score) for hit, score in zip(hits, scores, strict=True)]
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        shares.append(len(expected & {hit.document.id for hit in hits}) / len(expected))
    # Eight bits of the range of a few hundred vectors: what lies outside of it is cut.
    coarse = "SQ8" in index.info().vectors.factory
    assert np.mean(errors) < (0.005 if coarse else 1e-5)
    assert max(errors) < (0.1 if coarse else 1e-5)
    return float(np.mean(shares))


def assert_agrees(index, oracle):
    """The index holds what the oracle holds and finds as much of it as it says, at any k, with and without a filter."""
    assert {document.id: document for document in index.documents()} == {i: r.document for i, r in oracle.items()}
    promised = index.info().vectors.recall_at_100
    for k in (1, 10, 100):
        assert recall(index, oracle, k) >= promised - SLACK, k
    for hits in index.search(QUERIES[:5], 10, where="even and number < 8"):
        assert {hit.document.id for hit in hits} == {"d0", "d2", "d4", "d6"} & oracle.keys()
    for hits in index.search(QUERIES[:5], 12, where="even"):
        assert len(hits) == 12
        assert all(hit.document.metadata["even"] for hit in hits)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_index_of_each_kind_through_all_its_changes(tmp_path, kind):
    index = create(tmp_path / "i", RECORDS, VectorLayout(kind, target_recall=0.95))
    layout, oracle = index.info().vectors, oracle_of(RECORDS)
    assert (layout.index_type, layout.factory) == (kind, kind)
    assert layout.recall_at_100 >= 0.95
    assert layout.recall_queries == 300
    assert_agrees(index, oracle)

    added = [record(n) for n in range(400, 460)]
    index.add([batch(added[:20]), batch(added[20:])])
    oracle |= oracle_of(added)
    changed = [record(n, 1) for n in (3, 50, 410, 900)]
    index.upsert([batch(changed)])
    oracle |= oracle_of(changed)
    gone = [f"d{n}" for n in (1, 2, 200, 420)]
    assert index.delete(gone) == 4
    for id_ in gone:
        del oracle[id_]
    assert index.info().segments == 3
    for opened in (index, Index.open(tmp_path / "i")):
        assert_agrees(opened, oracle)

    before = index.search(QUERIES, 5)
    index.compact(grace=0)
    info = index.info()
    assert (info.segments, info.deleted) == (1, 0)
    assert info.vectors == layout, "what was trained once stays, and so do its settings"
    assert_agrees(Index.open(tmp_path / "i"), oracle)
    shared = [
        len({h.document.id for h in hits_before} & {h.document.id for h in hits_after})
        for hits_before, hits_after in zip(before, index.search(QUERIES, 5), strict=True)
    ]
    assert np.mean(shared) >= 5 * 0.95
    assert [entry.name for entry in (tmp_path / "i" / "quantisers").iterdir()] == [layout.quantiser.name]
    assert Index.verify(tmp_path / "i").problems == ()


@pytest.mark.parametrize("kind", ["IVF8,SQ8", "PQ8x4fs,Refine(SQ8)"])
def test_documents_of_several_passages_come_once_and_fill_k(tmp_path, kind):
    records = [record(n, passages=3) for n in range(150)]
    index = create(tmp_path / "i", records[:100], VectorLayout(kind))
    index.add([batch(records[100:])])
    index.delete(["d7"])
    for k in (10, 149, 200):
        for hits in index.search(QUERIES[:5], k):
            assert len(hits) == len({hit.document.id for hit in hits}) == min(k, 149)


@pytest.fixture
def every_list(monkeypatch):
    """Inverted lists are all visited: such a search is exact."""
    monkeypatch.setattr("bicross.index.vectors.recall._LIST_SHARES", (1.0,))
    monkeypatch.setattr("bicross.index.vectors.recall._GRAPH_EFFORTS", (64,))


def test_inverted_lists_of_whole_vectors_are_exact_when_all_are_visited(tmp_path, every_list):
    index = create(tmp_path / "i", RECORDS, VectorLayout("IVF8,Flat"))
    assert index.info().vectors.settings == SearchSettings(nprobe=8)
    assert index.info().vectors.recall_at_100 == 1
    oracle = oracle_of(RECORDS)
    index.add([batch([record(1000)]), batch([record(1001)])])
    oracle |= oracle_of([record(1000), record(1001)])
    for k in (1, 10, 402):
        assert_same(index, oracle, k=k)
    index.compact()
    assert_same(index, oracle, k=10)


@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("kind", ["IVF8,Flat", "PQ8x4fs,Refine(SQ8)"])
def test_the_recall_measured_for_a_hundred_holds_for_fewer(tmp_path, kind, k):
    """Settings that are enough for a hundred visit too few lists, and score too few candidates again, for one."""
    records = [record(n) for n in range(600)]
    index = create(tmp_path / "i", records, VectorLayout(kind, target_recall=0.95))
    assert recall(index, oracle_of(records), k) >= 0.95 - SLACK


def test_all_segments_share_one_quantiser(tmp_path):
    index = create(tmp_path / "i", RECORDS, VectorLayout("IVF8,SQ8"))
    first = index.info().vectors
    for n in range(3):
        index.add([batch([record(500 + n)])])
    assert index.info().segments == 4
    assert index.info().vectors == first
    kinds = {view.segment.vectors.kind for view in index._snapshot.views}
    assert kinds == {"IVF8,SQ8"}
    assert len(list((tmp_path / "i" / "quantisers").iterdir())) == 1
    (tmp_path / "i" / "quantisers" / first.quantiser.name).write_bytes(b"nonsense")
    [problem] = {problem.split(" is damaged")[0] for problem in Index.verify(tmp_path / "i").problems}
    assert problem.endswith(first.quantiser.name)


def test_a_target_that_is_not_reached_is_a_warning_and_the_measure_is_stored(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "bicross"):
        index = create(tmp_path / "i", RECORDS, VectorLayout("PQ8x4fs", target_recall=0.99))
    measured = Index.open(tmp_path / "i").info().vectors.recall_at_100
    assert 0.3 < measured < 0.99
    assert f"recall@100 of the index is {measured:.4f}" in caplog.text
    assert len(index.search(QUERIES[:1], 10)[0]) == 10


def test_flat_is_exact_and_measures_nothing(tmp_path):
    index = create(tmp_path / "i", RECORDS, VectorLayout("Flat"))
    assert (index.info().vectors.recall_at_100, index.info().vectors.quantiser) == (None, None)
    assert_same(index, oracle_of(RECORDS))


# Auto


@pytest.fixture
def hundred_vectors_are_many(monkeypatch):
    monkeypatch.setattr("bicross.index.vectors.choice.EXACT_MULTIPLY_ADDS", 100 * DIMENSION)


APPROXIMATE = "PQ8x4fs,Refine(SQ8)"


def test_auto_is_exact_when_small_and_approximate_when_large(tmp_path, hundred_vectors_are_many, caplog):
    small = create(tmp_path / "small", RECORDS[:100], VectorLayout())
    assert (small.info().vectors.factory, small.info().vectors.recall_at_100) == ("Flat", None)
    with caplog.at_level(logging.WARNING, "bicross"):
        large = create(tmp_path / "large", RECORDS[:101], VectorLayout())
    assert (large.info().vectors.index_type, large.info().vectors.factory) == ("auto", APPROXIMATE)
    assert large.info().vectors.recall_at_100 >= 0.99 or "below the target" in caplog.text
    assert_agrees(large, oracle_of(RECORDS[:101]))


def test_auto_becomes_approximate_when_additions_make_it_large(tmp_path, hundred_vectors_are_many):
    index = create(tmp_path / "i", RECORDS[:60], VectorLayout())
    index.add([batch(RECORDS[60:100])])
    assert (index.info().vectors.factory, index.info().segments) == ("Flat", 2)
    index.add([batch(RECORDS[100:150])])
    info = index.info()
    assert (info.vectors.factory, info.segments, info.vectors.index_type) == (APPROXIMATE, 1, "auto")
    assert_agrees(Index.open(tmp_path / "i"), oracle_of(RECORDS[:150]))
    assert Index.verify(tmp_path / "i").problems == ()

    index.delete([f"d{n}" for n in range(100)])
    assert index.info().vectors.factory == APPROXIMATE, "codes cannot be turned back into vectors"
    index.rollback(2)
    assert index.info().vectors.factory == "Flat"
    assert_same(Index.open(tmp_path / "i"), oracle_of(RECORDS[:100]))


def test_deleted_documents_do_not_make_an_index_large(tmp_path, hundred_vectors_are_many):
    index = create(tmp_path / "i", RECORDS[:60], VectorLayout())
    index.upsert([batch([record(n, 1) for n in range(60)])])
    assert (index.info().vectors.factory, index.info().documents) == ("Flat", 60)
    index.delete([f"d{n}" for n in range(60)])
    assert len(index) == 0
    index.compact()
    assert index.info().vectors.factory == "Flat"


def test_a_reader_of_an_exact_generation_is_not_disturbed(tmp_path, hundred_vectors_are_many):
    index = create(tmp_path / "i", RECORDS[:90], VectorLayout())
    reader = Index.open(tmp_path / "i")
    index.add([batch(RECORDS[90:200])])
    assert_same(reader, oracle_of(RECORDS[:90]))
    reader.refresh()
    assert reader.info().vectors.factory == APPROXIMATE
    assert_agrees(reader, oracle_of(RECORDS[:200]))


def test_auto_keeps_within_the_memory_or_says_what_it_would_take(tmp_path):
    exact = 4 * DIMENSION * len(RECORDS)
    assert create(tmp_path / "a", RECORDS, VectorLayout(memory_bytes=exact)).info().vectors.factory == "Flat"
    less = create(tmp_path / "b", RECORDS, VectorLayout(memory_bytes=exact - 1)).info().vectors
    assert less.factory != "Flat"
    with pytest.raises(
        ArgumentError, match=r"400 vectors of 16 dimensions take at least \d+ bytes, more than the 1000"
    ):
        create(tmp_path / "c", RECORDS, VectorLayout(memory_bytes=1000))
    with pytest.raises(IndexNotFound):
        Index.open(tmp_path / "c")


def test_an_addition_beyond_the_memory_is_a_warning_and_stays(tmp_path, caplog):
    index = create(tmp_path / "i", RECORDS[:10], VectorLayout(memory_bytes=4 * DIMENSION * 10))
    with caplog.at_level(logging.WARNING, "bicross"):
        assert index.add([batch(RECORDS[10:200])]) == 190
    assert "was not compacted: 200 vectors of 16 dimensions take at least" in caplog.text
    assert_same(Index.open(tmp_path / "i"), oracle_of(RECORDS[:200]))


# What was asked for by name


def test_a_named_kind_is_trained_when_an_empty_index_gets_documents(tmp_path, caplog):
    index = create(tmp_path / "i", [], VectorLayout("IVF8,SQ8"))
    assert index.info().vectors.factory == "Flat"
    with caplog.at_level(logging.WARNING, "bicross"):
        assert index.add([batch(RECORDS[:5])]) == 5
    assert "was not compacted: the index type 'IVF8,SQ8' cannot be trained on 5 vectors" in caplog.text
    assert_same(Index.open(tmp_path / "i"), oracle_of(RECORDS[:5]))
    index.add([batch(RECORDS[5:200])])
    assert (index.info().vectors.factory, index.info().segments) == ("IVF8,SQ8", 1)
    assert index.info().vectors.recall_at_100 is not None
    assert_agrees(Index.open(tmp_path / "i"), oracle_of(RECORDS[:200]))


@pytest.mark.parametrize("kind", ["nonsense", "IVF8;Flat", "", "LSH", "HNSW16,PQ99"])
def test_a_kind_that_nobody_knows_is_refused_before_anything_is_embedded(tmp_path, kind):
    with pytest.raises(ArgumentError, match=f"the index type '{kind}' is not"):
        Index.create(tmp_path / "i", FINGERPRINT, batches=never(), layout=VectorLayout(kind))
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize("target", [0, -0.5, 1.01])
def test_a_recall_that_nobody_can_reach_is_refused_before_anything_is_embedded(tmp_path, target):
    with pytest.raises(ArgumentError, match=f"the target recall is {target}"):
        Index.create(tmp_path / "i", FINGERPRINT, batches=never(), layout=VectorLayout(target_recall=target))
    assert not (tmp_path / "i").exists()


def never():
    raise AssertionError("nobody should ask for this")
    yield


def test_a_kind_that_could_not_be_read_again_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"'IVF8,PQ8x4fs' is not supported: .* by adding ,Refine\(SQ8\)"):
        create(tmp_path / "i", RECORDS, VectorLayout("IVF8,PQ8x4fs"))
    with pytest.raises(IndexNotFound):
        Index.open(tmp_path / "i")


def test_too_few_vectors_to_train_on_are_named_and_what_was_embedded_is_kept(tmp_path):
    with pytest.raises(ArgumentError, match=r"'IVF64,Flat' cannot be trained on 20 vectors .* give more vectors, or"):
        create(tmp_path / "i", RECORDS[:20], VectorLayout("IVF64,Flat"))
    with pytest.raises(IndexNotFound, match="a build that was not finished"):
        Index.open(tmp_path / "i")
    with Index.build(tmp_path / "i", FINGERPRINT, resume=True) as builder:
        assert all(builder.holds([r.document for r in RECORDS[:20]]))
        builder.commit(reason="build")
    assert_same(Index.open(tmp_path / "i"), oracle_of(RECORDS[:20]))


# Several segments are one index


def exact_batch(numbers, start):
    """Vectors whose products are exact in float32, and often equal."""
    signs = [[1 if number >> bit & 1 else -1 for bit in range(DIMENSION)] for number in numbers]
    made = [Document(f"d{i}", "x", "", {"even": i % 2 == 0}) for i in range(start, start + len(numbers))]
    vectors = np.array(signs, np.float32).reshape(-1, DIMENSION) / 4
    return EmbeddedBatch(made, [[Passage("x", 0, 1)] for _ in made], vectors)


@settings(max_examples=examples(25), deadline=None)
@given(
    numbers=st.lists(st.integers(0, 40), min_size=10, max_size=60),
    cuts=st.lists(st.integers(1, 59), min_size=1, max_size=4),
    k=st.integers(1, 70),
    kind=st.sampled_from(["Flat", "IVF2,Flat"]),
    where=st.sampled_from([None, "even"]),
)
def test_what_several_segments_find_is_what_one_finds(tmp_path_factory, numbers, cuts, k, kind, where):
    folder = tmp_path_factory.mktemp("i")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bicross.index.vectors.recall._LIST_SHARES", (1.0,))
        patch.setattr("bicross.index.vectors.recall._GRAPH_EFFORTS", (64,))
        single = Index.create(folder / "one", FINGERPRINT, batches=[exact_batch(numbers, 0)], layout=VectorLayout(kind))
        borders = sorted({0, len(numbers), *(5 + cut for cut in cuts if 5 + cut < len(numbers))})
        parts = [exact_batch(numbers[a:b], a) for a, b in itertools.pairwise(borders)]
        several = Index.create(folder / "several", FINGERPRINT, batches=parts[:1], layout=VectorLayout(kind))
    for part in parts[1:]:
        several.add([part])
    assert several.info().segments == len(parts)
    queries = np.concatenate([exact_batch([3, 40, 1000], 0).vectors, unit_vectors(1, 5)])
    for expected, hits in zip(
        single.search(queries[:3], k, where=where), several.search(queries[:3], k, where=where), strict=True
    ):
        assert [(h.document.id, h.score) for h in hits] == [(h.document.id, h.score) for h in expected]
