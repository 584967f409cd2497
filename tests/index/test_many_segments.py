"""An index of many segments answers as one segment does, bit for bit, in one thread and in several."""

from types import SimpleNamespace

import faiss
import numpy as np
import pytest
from bicross.errors import IndexCorrupt
from bicross.index import Document, EmbeddedBatch, Index, Passage, VectorLayout
from bicross.index.reading import nearest as searching
from bicross.index.reading.best_rows import merged
from bicross.index.vectors import VectorIndex, each_in_threads
from helpers.examples import examples
from helpers.forks import forked
from helpers.toy_collections import ANALYZER, DIMENSION, FINGERPRINT, unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

TERMS = [["t1"], ["t2", "t1"], ["t3", "t2"], ["nobody"]]
COMMON_LENGTH = 3


def exact_vectors(kinds: list[int]) -> np.ndarray:
    """Unit vectors of four halves each: every product of two is exact, and many are equal."""
    vectors = np.zeros((len(kinds), DIMENSION), np.float32)
    for row, kind in enumerate(kinds):
        rng = np.random.default_rng(kind)
        vectors[row, rng.choice(6, 4, replace=False)] = rng.choice([-0.5, 0.5], 4)
    return vectors


QUERIES = exact_vectors([100, 101, 102, 103])


def batch(documents: dict[str, list[int]]) -> EmbeddedBatch:
    """Documents by id, with a kind of vector and of terms for each passage."""
    made = [Document(id_, "abc"[: len(kinds)], metadata={"first": kinds[0]}) for id_, kinds in documents.items()]
    flat = [kind for kinds in documents.values() for kind in kinds]
    terms = [[f"t{kind % 4}"] * (1 + kind % 2) + ["t5"] * (COMMON_LENGTH - kind % 2) for kind in flat]
    passages = [[Passage(c, i, i + 1) for i, c in enumerate(document.text)] for document in made]
    return EmbeddedBatch(made, passages, exact_vectors(flat), None, terms)


def index_of(path, batches: list[dict[str, list[int]]], deleted: list[str]) -> Index:
    """A segment for each batch, with deletions; ids that come again replace."""
    index = Index.create(path, FINGERPRINT, batches=[batch(batches[0])], analyzer=ANALYZER)
    for more in batches[1:]:
        index.upsert([batch(more)])
    index.delete(deleted)
    return index


def brute(documents: dict[str, list[int]], k: int) -> list[list[tuple[str, float, int]]]:
    """The best documents for each query, with score and best passage."""
    lines: list[list[tuple[str, float, int]]] = []
    for query in QUERIES:
        found: list[tuple[str, float, int]] = []
        for id_, kinds in documents.items():
            scores = exact_vectors(kinds) @ query
            found.append((id_, float(scores.max()), int(np.argmax(scores))))
        lines.append(sorted(found, key=lambda hit: (-hit[1], hit[0]))[:k])
    return lines


def answers(index: Index, k: int, where: str | None, passages: int) -> list[object]:
    return [
        index.search(QUERIES, k, where=where, passages=passages),
        [index.search(query[None], k, where=where)[0] for query in QUERIES],
        index.search_terms(TERMS, k, where=where),
        index.search_both(QUERIES, TERMS, k, where=where, passages=passages),
    ]


IDS = st.sampled_from([f"{n:02}" for n in range(40)])
KINDS = st.lists(st.integers(0, 7), min_size=1, max_size=3)
BATCHES = st.lists(st.dictionaries(IDS, KINDS, min_size=1, max_size=12), min_size=1, max_size=9)


@pytest.fixture
def several_threads(monkeypatch):
    """Searches use threads however small they are, on a machine with one core too."""
    monkeypatch.setattr(searching, "THREADED_PRODUCTS", 0)
    monkeypatch.setattr(searching, "THREADED_PRODUCTS_A_VIEW", 0)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(8)
    yield
    faiss.omp_set_num_threads(before)


@settings(max_examples=examples(30), deadline=None)
@given(BATCHES, st.lists(IDS, max_size=8), st.sampled_from([1, 2, 3, 7, 39, 40, 100]), st.integers(1, 3))
def test_many_segments_answer_as_one_and_as_brute_force(tmp_path_factory, batches, deleted, k, passages):
    path = tmp_path_factory.mktemp("many")
    contents = {id_: kinds for one in batches for id_, kinds in one.items()}
    contents = {id_: kinds for id_, kinds in contents.items() if id_ not in deleted}
    many = index_of(path / "many", batches, deleted)
    one = index_of(path / "one", [dict(reversed(contents.items()))], []) if contents else None
    with pytest.MonkeyPatch.context() as patch:
        for threaded in (False, True):
            if threaded:
                patch.setattr(searching, "THREADED_PRODUCTS", 0)
                patch.setattr(searching, "THREADED_PRODUCTS_A_VIEW", 0)
            for where in (None, "first < 4"):
                allowed = {id_: kinds for id_, kinds in contents.items() if where is None or kinds[0] < 4}
                answered = answers(many, k, where, passages)
                lines = many.search(QUERIES, k, where=where)
                found = [[(hit.document.id, hit.score, hit.passage.start) for hit in line] for line in lines]
                assert found == brute(allowed, k)
                assert one is None or answered == answers(one, k, where, passages)


SCORES = st.sampled_from([-1.0, -0.0, 0.0, 1.4e-45, 2.8e-45, 0.25, 1.0])


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.lists(SCORES, max_size=8), max_size=12), st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_best_of_many_are_those_of_a_sort(parts, k, chance):
    names = [f"{n:03}" for n in range(sum(map(len, parts)))]
    chance.shuffle(names)
    views, found, everything = [], [], []
    for number, scores in enumerate(parts):
        ids = [names.pop() for _ in scores]
        views.append(SimpleNamespace(segment=SimpleNamespace(id=ids.__getitem__, document_rows=np.arange(len(ids)))))
        found.append((np.array(scores, np.float32), np.arange(len(ids))))
        scores = [float(np.float32(score)) for score in scores]
        everything += [(-score, id_, number, row) for row, (score, id_) in enumerate(zip(scores, ids, strict=True))]
    best = merged(views, found, k)
    expected = [(number, row) for _, _, number, row in sorted(everything)][:k]
    assert list(zip(best.views.tolist(), best.rows.tolist(), strict=True)) == expected


def test_a_query_alone_has_the_scores_that_it_has_among_others(several_threads):
    vectors = unit_vectors(12_000, seed=1)
    index = VectorIndex(DIMENSION)
    index.add(vectors)
    together, rows = index.search(vectors[:9], 20)
    for number in range(3):
        alone, its_rows = index.search(vectors[number : number + 1], 20)
        assert (alone[0] == together[number]).all()
        assert (its_rows[0] == rows[number]).all()
    assert faiss.omp_get_max_threads() == 8


def test_threads_keep_the_order_of_the_parts_and_use_one_thread_of_faiss_each(several_threads):
    for sizes in ([1] * 20, [100] + [1] * 19, [0] * 19 + [5], [0] * 20):
        called = each_in_threads(lambda part: (part, faiss.omp_get_max_threads()), range(20), sizes, queries=1)
        assert called == [(part, 1) for part in range(20)]
    assert each_in_threads(lambda part: faiss.omp_get_max_threads(), range(20), [1] * 20, queries=8) == [8] * 20
    assert each_in_threads(str, [], [], queries=1) == []


def test_a_forked_child_searches_after_its_parent_used_threads(tmp_path, several_threads):
    index = index_of(tmp_path / "index", [{f"{n}": [n]} for n in range(5)], [])
    expected = [[hit.document.id for hit in line] for line in index.search(QUERIES, 3)]

    def search(send):
        for threads in (1, 2):  # one is what a child has; a program may ask for more
            faiss.omp_set_num_threads(threads)
            send([[hit.document.id for hit in index.search(query[None], 3)[0]] for query in QUERIES])

    with forked(search) as child:
        assert child.receive(30) == expected
        assert child.receive(30) == expected


def test_damage_that_a_thread_finds_names_the_file(tmp_path, several_threads):
    index = index_of(tmp_path / "index", [{f"{n}": [n]} for n in range(5)], [])
    view = index._snapshot.views[3]
    broken = VectorIndex(DIMENSION)
    broken._index.add(np.full((1, DIMENSION), np.nan, np.float32))
    view.segment.vectors = broken
    with pytest.raises(IndexCorrupt, match=f"{view.entry.name}/vectors.faiss: stored vectors"):
        index.search(QUERIES[:1], 3)


@pytest.mark.parametrize("factory", ["SQ8", "IVF2,SQ8", "PQ8x4fs,Refine(SQ8)"])
def test_layouts_of_codes_answer_alike_in_threads(tmp_path, several_threads, monkeypatch, factory):
    rows = unit_vectors(400, seed=3)
    documents = [Document(f"{n:03}", "x") for n in range(400)]
    batches = [
        EmbeddedBatch(documents[at : at + 50], [[Passage("x", 0, 1)]] * 50, rows[at : at + 50])
        for at in range(0, 400, 50)
    ]
    index = Index.create(tmp_path / "index", FINGERPRINT, batches=batches[:4], layout=VectorLayout(factory))
    for more in batches[4:]:
        index.add([more])
    assert index.info().segments == 5
    queries = unit_vectors(3, seed=4)
    threaded = [index.search(query[None], 7) for query in queries]
    monkeypatch.setattr(searching, "THREADED_PRODUCTS", 1 << 60)
    assert [index.search(query[None], 7) for query in queries] == threaded
