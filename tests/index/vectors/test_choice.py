"""The choice of an index type, and the measured recall that it is judged by."""

import dataclasses
import logging

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index.vectors import (
    ExactNeighbours,
    SearchSettings,
    VectorIndex,
    choose_factory,
    new_index,
    sample_rows,
    training_rows,
    tune,
)
from bicross.index.vectors.recall import MeasuredRecall, ladder, search_parts

DIMENSION = 32


def clustered(rows, dimension=DIMENSION, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, dimension))
    vectors = centres[rng.integers(40, size=rows)] + 0.6 * rng.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS = clustered(6000)


def parts_of(factory, *sizes):
    template = new_index(factory, VECTORS)
    parts, start = [], 0
    for size in sizes:
        parts.append(template.empty_copy())
        parts[-1].add(VECTORS[start : start + size])
        start += size
    return parts


def exact_neighbours(vectors, count=100, block=900):
    rows = sample_rows(len(vectors), count, seed=1)
    exact = ExactNeighbours(vectors[rows], rows)
    for start in range(0, len(vectors), block):
        exact.add(vectors[start : start + block])
    return exact


@pytest.mark.parametrize(
    ("rows", "dimension", "more", "expected"),
    [
        (0, 384, {}, "Flat"),
        (200_000, 384, {}, "Flat"),
        (200_001, 384, {}, "PQ192x4fs,Refine(SQ8)"),
        (100_000, 1024, {}, "PQ512x4fs,Refine(SQ8)"),
        (1_000_000, 385, {}, "PQ77x4fs,Refine(SQ8)"),
        (1_000_000, 383, {}, "SQ8"),
        (1_000_000, 384, {"target": 0.999}, "PQ192x4fs,Refine(SQfp16)"),
        (1_000_000, 384, {"target": 1}, "Flat"),
        (1_000_000, 384, {"memory_bytes": 400_000_000}, "PQ192x4fs,Refine(SQ6)"),
        (100_000, 384, {"memory_bytes": 50_000_000}, "PQ192x4fs,Refine(SQ8)"),
        (2_000_000, 384, {"segment_rows": 1_000_000}, "PQ192x4fs,Refine(SQ8)"),
        (2_000_001, 384, {"segment_rows": 1_000_000}, "PQ192x4fs,Refine(SQfp16)"),
        (10**9, 384, {"segment_rows": 1_000_000}, "PQ192x4fs,Refine(SQfp16)"),
        (10**7, 384, {"memory_bytes": 5 * 10**9}, "PQ192x4fs,Refine(SQ8)"),
        (4_999_999, 384, {"target": 0.98}, "PQ192x4fs,Refine(SQ8)"),
        (5_000_000, 384, {"target": 0.98, "segment_rows": 1_000_000}, "IVF4096,PQ192x4fs,Refine(SQ8)"),
        (10**9, 384, {"target": 0.95, "segment_rows": 1_000_000}, "IVF4096,PQ192x4fs,Refine(SQ8)"),
        (10**9, 384, {"target": 0.95, "segment_rows": 5_000_000}, "IVF8192,PQ192x4fs,Refine(SQ8)"),
        (10**7, 384, {"target": 0.95, "segment_rows": 250_000}, "IVF2048,PQ192x4fs,Refine(SQ8)"),
        (10**7, 384, {"target": 0.95}, "IVF16384,PQ192x4fs,Refine(SQ8)"),
    ],
)
def test_the_kind_follows_from_size_memory_and_target(rows, dimension, more, expected):
    assert choose_factory(rows, dimension, **more) == expected


@pytest.mark.parametrize(
    ("factory", "rows"),
    [
        ("Flat", 100_000),
        ("PQ192x4fs,Refine(SQ8)", 100_000),
        ("IVF1024,SQ8", 100_000),
        ("IVF4096,PQ192x4fs,Refine(SQ8)", 159_744),
        ("OPQ16,IVF65536,SQ8", 1_000_000),
        ("IVF" + "9" * 40, 1_000_000),
    ],
)
def test_each_inverted_list_has_rows_to_be_trained_on_within_those_of_a_segment(factory, rows):
    assert training_rows(factory, segment_rows=1_000_000) == rows


def test_what_cannot_be_had_is_refused_with_the_figures():
    with pytest.raises(ArgumentError, match=r"at least 288000000 bytes, more than the 1000 allowed"):
        choose_factory(1_000_000, 384, memory_bytes=1000)
    for target in (0, 1.1, float("nan")):
        with pytest.raises(ArgumentError, match="target recall"):
            choose_factory(1, 384, target=target)


@pytest.mark.parametrize("dimension", [*range(1, 40), 63, 100, 127, 384])
def test_every_chosen_kind_can_be_trained_at_its_dimension(dimension):
    vectors = clustered(200, dimension)
    for more in ({}, {"target": 0.999}, {"memory_bytes": 3_800_000 * dimension}):
        factory = choose_factory(4_999_999, dimension, **more)
        index = new_index(factory, vectors)
        index.add(vectors)
        assert index.search(vectors[:2], 10)[1].shape == (2, 10)


def test_samples_are_ascending_different_and_the_same_each_time():
    rows = sample_rows(1000, 300, seed=7)
    assert len(set(rows.tolist())) == 300
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, sample_rows(1000, 300, seed=7))
    np.testing.assert_array_equal(sample_rows(5, 300), np.arange(5))


def test_training_on_the_same_sample_gives_the_same_bytes():
    first, second = [], []
    for parts in (first, second):
        index = new_index("IVF16,PQ16x4fs,Refine(SQ8)", VECTORS[:3000])
        index.write(lambda part, parts=parts: parts.append(bytes(part)))
    assert b"".join(first) == b"".join(second)


def test_exact_neighbours_are_those_of_brute_force_without_the_query_itself():
    exact = exact_neighbours(VECTORS, 50)
    scores = exact.queries @ VECTORS.T
    scores[np.arange(50), exact.query_rows] = -np.inf
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :100]
    assert exact.recall(nearest) == 1
    with_itself = np.concatenate((exact.query_rows[:, None], nearest), axis=1)
    assert exact.recall(with_itself) == 1
    assert exact.recall(np.where(np.arange(100) < 90, nearest, -5)) == pytest.approx(0.9)
    assert exact.recall(nearest[:, 50:]) == pytest.approx(0.5)


def test_rows_that_tie_with_the_last_one_count_as_well_as_it():
    vectors = np.repeat(clustered(10), 60, axis=0)
    exact = exact_neighbours(vectors, 20)
    index = VectorIndex(DIMENSION)
    index.add(vectors)
    _, rows = index.search(exact.queries, 120)
    assert exact.recall(rows) == 1
    assert exact.recall(rows[:, ::-1]) == 1  # the last of the tied instead of the first


@pytest.mark.parametrize("factory", ["PQ16x4fs,Refine(SQ8)", "IVF32,SQ8", "HNSW8,SQ8", "IVF32,PQ16x4fs,RFlat"])
@pytest.mark.parametrize("sizes", [(6000,), (2500, 0, 3500)])
def test_settings_rise_until_the_target_is_reached_on_the_whole_index(factory, sizes):
    parts = parts_of(factory, *sizes)
    exact = exact_neighbours(VECTORS)
    measured = tune(parts, exact, target=0.95)
    assert measured.reached
    assert (measured.queries, measured.target) == (100, 0.95)

    def found(settings):
        return exact.recall(search_parts(parts, exact.queries, 101, settings=settings)[1])

    # What was measured is what a search with these settings finds, and a step less would not have done.
    first = next(settings for settings in ladder(parts) if found(settings) >= 0.95)
    for_queries = first if first.nprobe is None else dataclasses.replace(first, nprobe=min(32, 4 * first.nprobe))
    assert measured.settings == for_queries
    assert measured.recall_at_100 == found(for_queries) >= 0.95
    assert SearchSettings(**dataclasses.asdict(measured.settings)) == measured.settings


def test_a_target_out_of_reach_is_a_warning_with_the_figures_and_no_claim(caplog):
    parts = parts_of("PQ8x4fs", 6000)
    with caplog.at_level(logging.WARNING, "bicross"):
        measured = tune(parts, exact_neighbours(VECTORS), target=0.99)
    assert not measured.reached
    assert 0.1 < measured.recall_at_100 < 0.99
    assert f"{measured.recall_at_100:.4f}" in caplog.text
    assert "below the target of 0.9900" in caplog.text


@pytest.mark.parametrize("rows", [0, 1, 2, 50])
def test_small_collections_are_measured_too(rows):
    vectors = VECTORS[:rows]
    index = VectorIndex(DIMENSION)
    index.add(vectors)
    measured = tune([index], exact_neighbours(vectors))
    assert measured == MeasuredRecall(1.0, rows, 0.99, SearchSettings())
    assert tune([], ExactNeighbours(np.empty((0, DIMENSION), np.float32), np.empty(0, np.int64))).reached


def test_measuring_against_other_vectors_is_refused():
    with pytest.raises(ArgumentError, match="all 10 vectors of the index, not 6000"):
        tune(parts_of("Flat", 10), exact_neighbours(VECTORS))


def test_parts_are_searched_as_one():
    whole = VectorIndex(DIMENSION)
    whole.add(VECTORS)
    parts = parts_of("Flat", 1000, 0, 5000)
    for k in (1, 10, 2000):
        expected = whole.search(VECTORS[:30], k)
        scores, rows = search_parts(parts, VECTORS[:30], k)
        np.testing.assert_array_equal(rows, expected[1])
        np.testing.assert_allclose(scores, expected[0], atol=1e-6)


@pytest.mark.parametrize("block", [7, 150, 900, 6000])
def test_the_neighbours_are_those_of_all_scores_in_whatever_blocks_they_come_with_ties_by_row(block):
    vectors = np.round(VECTORS[:2000, :4] * 8) / 8  # exact in float32, and few enough different ones for many ties
    exact = exact_neighbours(vectors, count=30, block=block)
    scores = exact.queries @ vectors.T
    scores[np.arange(30), exact.query_rows] = -np.inf
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :200]
    assert (exact._rows == expected).all()
    assert (exact._scores == np.take_along_axis(scores, expected, 1)).all()
