"""Vector indexes of every kind: what a search returns, and that no file, however made, harms the process."""

import random
import signal
import struct
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt
from bicross.index.vectors import SearchSettings, VectorIndex
from helpers.examples import examples
from helpers.forks import forked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KINDS = [
    "Flat",
    "SQ8",
    "SQ6",
    "SQ4",
    "SQfp16",
    "SQbf16",
    "PQ8x4",
    "PQ4x6",
    "PQ8x4fs",
    "IVF4,Flat",
    "IVF4,SQ8",
    "IVF4,PQ8x4",
    "HNSW8,Flat",
    "HNSW8,SQ8",
    "PQ8x4fs,RFlat",
    "PQ8x4fs,Refine(SQ8)",
    "IVF4,PQ8x4fs,Refine(SQ8)",
    "IVF4,PQ8x4fsr,RFlat",
    "HNSW8,SQ8,Refine(SQfp16)",
    "OPQ8,PQ8x4fs",
    "PCA8,Flat",
    "RR,HNSW8,Flat",
    "OPQ8_16,IVF4,PQ8x4fs,Refine(SQ8)",
]
DIMENSION = 16
ROWS = 400
FILTERS = [
    "Flat",
    "SQ8",
    "IVF4,SQ8",
    "IVF4,PQ8x4fs,Refine(SQ8)",
    "PQ8x4fs",
    "HNSW8,Flat",
    "RR,HNSW8,Flat",
    "PQ8x4fs,RFlat",
]


def clustered(rows, dimension=DIMENSION, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(12, dimension))
    vectors = centres[rng.integers(12, size=rows)] + 0.5 * rng.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS = clustered(ROWS)
_built = {}


def built(kind):
    if kind not in _built:
        _built[kind] = VectorIndex.trained(kind, VECTORS)
        _built[kind].add(VECTORS)
    return _built[kind]


def serialised(index):
    parts = []
    index.write(lambda part: parts.append(bytes(part)))
    return b"".join(parts)


def save(index, path):
    path.write_bytes(serialised(index))
    return path


def brute_force(queries, vectors, k, allowed):
    rows = np.flatnonzero(allowed)
    scores = queries @ vectors[rows].T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1), rows[order]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_searched_copied_written_and_read(kind, tmp_path):
    index = built(kind)
    assert (len(index), index.dimension, index.factory) == (ROWS, DIMENSION, kind)
    scores, rows = index.search(VECTORS[:20], 50)
    assert scores.shape == rows.shape == (20, 50)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    assert all(len(set(line)) == 50 for line in rows.tolist())
    assert rows.min() >= 0
    assert (np.diff(scores, axis=1) <= 0).all()
    read = VectorIndex.read(
        save(index, tmp_path / "v"), dimension=DIMENSION, rows=ROWS, factory=kind, like=index.empty_copy()
    )
    assert read.kind == index.kind
    again = read.search(VECTORS[:20], 50)
    np.testing.assert_array_equal(again[0], scores)
    np.testing.assert_array_equal(again[1], rows)
    np.testing.assert_array_equal(read.vectors(7, 207), index.vectors(7, 207))
    with pytest.raises(ArgumentError, match="cannot grow"):
        read.add(VECTORS)
    # An empty copy has the same quantisers: what is added to it is found with the same scores.
    template = VectorIndex.read(save(index.empty_copy(), tmp_path / "t"), dimension=DIMENSION, rows=0, factory=kind)
    copy = template.empty_copy()
    assert len(template) == len(copy) == 0
    copy.add(VECTORS[:100])
    copy.add(VECTORS[100:])
    np.testing.assert_allclose(copy.vectors(0, ROWS), index.vectors(0, ROWS), atol=1e-6)
    assert len(template) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_stored_vectors_are_near_the_added_ones(kind):
    index = built(kind)
    stored = index.vectors(0, ROWS)
    assert stored.dtype == np.float32
    assert ((stored * VECTORS).sum(axis=1) > 0.8).mean() > 0.9 or kind.startswith("PCA8")
    if kind in ("Flat", "IVF4,Flat", "HNSW8,Flat", "PQ8x4fs,RFlat"):
        np.testing.assert_array_equal(stored, VECTORS)
    assert index.vectors(3, 3).shape == (0, DIMENSION)
    with pytest.raises(ArgumentError, match="not within"):
        index.vectors(0, ROWS + 1)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    kind=st.sampled_from(FILTERS),
    share=st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5, 0.9, 0.995, 1.0]),
    k=st.sampled_from([0, 1, 7, 100, 1000]),
    thorough=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_only_allowed_rows_and_all_k_of_them(kind, share, k, thorough, seed):
    index = built(kind)
    allowed = np.random.default_rng(seed).random(ROWS) < share
    queries = clustered(5, seed=seed)
    how = SearchSettings(nprobe=4, ef_search=400, k_factor=400) if thorough else SearchSettings(1, 1, 1)
    scores, rows = index.search(queries, k, settings=how, allowed=allowed)
    expected = min(k, int(allowed.sum()))
    assert scores.shape == rows.shape == (5, expected)
    assert allowed[rows].all()
    assert all(len(set(line)) == expected for line in rows.tolist())
    assert (np.diff(scores, axis=1) <= 0).all()
    exact = kind in ("Flat", "SQ8") or (thorough and kind in ("IVF4,SQ8", "PQ8x4fs,RFlat"))
    if exact or allowed.sum() * 10 < ROWS:
        best, _ = brute_force(queries, index.vectors(0, ROWS), k, allowed)
        tolerance = 0.15 if "PQ" in kind and "k_factor" not in index.tunable else 1e-5
        np.testing.assert_allclose(scores, best, atol=tolerance)


def test_exact_search_is_brute_force_with_ties_in_the_order_of_rows():
    # Values of which all products are exact, many of them equal, and whole groups of equal vectors.
    rng = np.random.default_rng(3)
    vectors = rng.integers(-2, 3, size=(300, 8)).astype(np.float32)
    vectors[100:200] = vectors[100]
    index = VectorIndex(8)
    index.add(vectors)
    for size in (1, 40):
        queries = rng.integers(-2, 3, size=(size, 8)).astype(np.float32)
        for allowed in (np.ones(300, bool), rng.random(300) < 0.5, rng.random(300) < 0.05):
            for k in (1, 10, 120, 300):
                scores, rows = index.search(queries, k, allowed=allowed)
                expected = brute_force(queries, vectors, k, allowed)
                np.testing.assert_array_equal(rows, expected[1])
                np.testing.assert_array_equal(scores, expected[0])


def test_an_empty_index_and_no_queries_give_empty_results():
    index = VectorIndex(4)
    assert index.search(np.ones((3, 4), np.float32), 5)[0].shape == (3, 0)
    index.add(np.eye(4, dtype=np.float32))
    assert index.search(np.empty((0, 4), np.float32), 5)[1].shape == (0, 4)
    assert index.search(np.ones((2, 4), np.float32), 0)[1].shape == (2, 0)


def test_wrong_arguments_are_named():
    index = VectorIndex(4)
    index.add(np.eye(4, dtype=np.float32))
    query = np.ones((1, 4), np.float32)
    for call, words in [
        (lambda: index.add(np.ones((2, 5), np.float32)), r"\(2, 5\)"),
        (lambda: index.search(np.ones(4, np.float32), 1), r"\(4,\)"),
        (lambda: index.search(query * np.nan, 1), "row 0 .* not finite"),
        (lambda: index.search(query, -1), "k is -1"),
        (lambda: index.search(query, 1, allowed=np.ones(3, bool)), "4 bools"),
        (lambda: SearchSettings(nprobe=0), "nprobe is 0"),
        (lambda: SearchSettings(k_factor=True), "k_factor is True"),
    ]:
        with pytest.raises(ArgumentError, match=words):
            call()


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("Nonsense", "Nonsense.*could not parse"),
        ("", "''"),
        ("IVF4,\x00", "not one that FAISS knows"),
        ("IVF99999999999,Flat", "not one that FAISS knows"),
        ("PQ5x4fs", "PQ5x4fs.*multiple"),
        ("IVF5000,Flat", "IVF5000.*400 vectors.*give more vectors"),
        ("PQ8x8", "PQ8x8.*200 vectors.*give more vectors"),
        ("RaBitQ", "RaBitQ.*does not read"),
        ("LSH", "LSH.*METRIC_L2"),
        ("SQ8_direct", "does not read"),
        ("IDMap,Flat", "does not read"),
        ("IVF4_HNSW8,Flat", "family HNSW"),
        ("L2norm,Flat", "does not read"),
        ("IVF4,PQ8x4fs", "only with a refinement"),
    ],
)
def test_index_types_that_cannot_be_used_are_refused_by_name(factory, words):
    sample = VECTORS[:200] if factory == "PQ8x8" else VECTORS
    with pytest.raises(ArgumentError, match=words):
        VectorIndex.trained(factory, sample)


@pytest.mark.slow
def test_training_prints_nothing(capfd):
    for kind in ("IVF16,PQ8x4fs,Refine(SQ8)", "RR,PQ8x4fs", "IVF16,PQ8x6", "PQ8x8"):
        VectorIndex.trained(kind, VECTORS)
    assert capfd.readouterr() == ("", "")


def test_threads_search_one_index_with_their_own_settings():
    index = built("IVF4,PQ8x4fs,Refine(SQ8)")
    hows = [SearchSettings(nprobe=1, k_factor=1), SearchSettings(nprobe=4, k_factor=32)]
    masks = [None, np.arange(ROWS) % 3 == 0]
    keys = [(h, m) for h in (0, 1) for m in (0, 1)]
    # One after the other, and not in the thread of the tests: how many threads a product has is a setting of each
    # thread, which other tests change in that one, and 400 queries have rows that tie but for the last bit.
    with ThreadPoolExecutor(1) as alone:
        answers = alone.map(lambda key: index.search(VECTORS, 9, settings=hows[key[0]], allowed=masks[key[1]]), keys)
        expected = dict(zip(keys, answers, strict=True))
    wrong = []

    def work(h, m):
        for _ in range(10):
            answers = index.search(VECTORS, 9, settings=hows[h], allowed=masks[m])
            if not all(np.array_equal(a, b) for a, b in zip(answers, expected[h, m], strict=True)):
                wrong.append((h, m))

    threads = [threading.Thread(target=work, args=key) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not np.array_equal(expected[0, 0][1], expected[1, 0][1])


def test_a_file_that_is_not_what_was_expected_is_named(tmp_path):
    path = save(built("SQ8"), tmp_path / "vectors.faiss")
    for arguments, words in [
        ({"dimension": 8, "rows": ROWS}, "400 vectors of 16"),
        ({"dimension": DIMENSION, "rows": 3}, "manifest says 3"),
        ({"dimension": DIMENSION, "rows": ROWS, "like": built("SQ6")}, "kind SQ8; the manifest says SQ6"),
        ({"dimension": DIMENSION, "rows": ROWS}, "the manifest says Flat"),
    ]:
        with pytest.raises(IndexCorrupt, match=rf"vectors\.faiss.*{words}"):
            VectorIndex.read(path, **arguments)
    with pytest.raises(IndexCorrupt, match="missing"):
        VectorIndex.read(tmp_path / "other", dimension=1, rows=1)


@pytest.mark.parametrize("kind", ["IVF4,SQ8", "IVF4,PQ8x4fs,Refine(SQ8)"])
def test_lists_in_another_file_are_refused_before_it_is_opened(kind, tmp_path):
    content = serialised(built(kind))
    (tmp_path / "v").write_bytes(content.replace(b"ilar", b"ilod").replace(b"ilbl", b"ilod"))
    with pytest.raises(IndexCorrupt, match="not stored in the file itself"):
        VectorIndex.read(tmp_path / "v", dimension=DIMENSION, rows=ROWS, factory=kind)


def test_a_metric_other_than_the_inner_product_and_huge_sizes_are_refused(tmp_path):
    content = bytearray(serialised(built("Flat")))
    for position, layout, value, words in [
        (33, "<i", 1, "metric is number 1"),
        (37, "<Q", 1 << 50, "declares"),
        (37, "<Q", (1 << 64) - 1, "declares"),
        (8, "<q", 1 << 39, "rows where"),
        (8, "<q", ROWS - 1, "belong"),
    ]:
        changed = content.copy()
        struct.pack_into(layout, changed, position, value)
        (tmp_path / "v").write_bytes(changed)
        with pytest.raises(IndexCorrupt, match=words):
            VectorIndex.read(tmp_path / "v", dimension=DIMENSION, rows=ROWS)


def test_running_out_of_memory_is_not_called_damage(tmp_path, monkeypatch):
    path = save(built("Flat"), tmp_path / "v")

    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr("bicross.index.vectors.faiss_index.faiss.read_index", exhausted)
    with pytest.raises(MemoryError):
        VectorIndex.read(path, dimension=DIMENSION, rows=ROWS)


MUTATIONS = 240


def attack(folder, rows, send):
    """Read and search each mutant in this process, which has 256 MiB more than it takes; send how many are refused."""
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20),) * 2)
    warnings.simplefilter("ignore")  # of numpy, on numbers that are not finite
    queries = np.eye(DIMENSION, dtype=np.float32)
    refused = 0
    for path in sorted(folder.glob("*.mutant")):
        send(path.name)
        signal.alarm(20)
        try:
            index = VectorIndex.read(path, dimension=DIMENSION, rows=rows, factory="any")
        except IndexCorrupt as error:
            assert path.name in str(error)
            refused += 1
            continue
        for share in (1, 20, 2):
            try:
                scores, found = index.search(queries, 50, allowed=np.arange(rows) % share == 0)
                assert np.isfinite(scores).all()
                assert (found >= 0).all()
            except IndexCorrupt as error:
                assert "not finite" in str(error)
        index.vectors(0, rows)
    send(refused)


def mutants(content, seed):
    """Truncated, extended, and changed copies; where something is overwritten, mostly near the beginning or the end."""
    rng = random.Random(seed)
    whole = len(content)
    for number in range(MUTATIONS):
        changed = bytearray(content)
        if number % 10 == 0:
            yield changed[: rng.randrange(whole)]
            continue
        if number % 10 == 1:
            yield changed + rng.randbytes(rng.randint(1, 64))
            continue
        for _ in range(rng.choice((1, 1, 1, 3))):
            offset = rng.choice(
                (rng.randrange(120), rng.randrange(120), rng.randrange(whole), whole - rng.randint(9, 99))
            )
            if rng.random() < 0.5:
                changed[offset] ^= 1 << rng.randrange(8)
            else:
                huge = rng.choice((-1, 0, 1, 255, 1 << 16, 1 << 31, 1 << 40, (1 << 63) - 1, rng.getrandbits(62)))
                struct.pack_into("<q", changed, min(offset, whole - 8), huge)
        yield changed


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
@pytest.mark.parametrize(
    "kind",
    [
        "Flat",
        "SQ8",
        "PQ8x4",
        "PQ8x4fs",
        "IVF4,Flat",
        "IVF4,SQ8",
        "IVF4,PQ8x4",
        "IVF4,PQ8x4fs,Refine(SQ8)",
        "HNSW8,Flat",
        "HNSW8,SQ8",
        "PQ8x4fs,Refine(SQ8)",
        "OPQ8,PQ8x4fs",
        "PCA8,Flat",
    ],
)
@pytest.mark.slow
def test_no_file_crashes_hangs_or_fills_the_memory(kind, tmp_path):
    rows = 120
    index = built(kind).empty_copy()
    index.add(VECTORS[:rows])
    for number, content in enumerate(mutants(serialised(index), kind)):
        (tmp_path / f"{number:03}.mutant").write_bytes(content)
    said = []
    with forked(lambda send: attack(tmp_path, rows, send)) as child:  # a new process would import for a second
        while (message := child.receive(60)) is not None:
            said.append(message)
    assert child.exit_code == 0, said[-2:]
    refused = said[-1]
    assert refused >= MUTATIONS * 0.3
