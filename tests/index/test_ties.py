"""Equal scores go by id at every cutoff, whenever the documents were added."""

import numpy as np
import pytest
from bicross.index import Document, EmbeddedBatch, Index, Passage, VectorLayout
from bicross.index.reading import nearest as searching
from helpers.examples import examples
from helpers.toy_collections import ANALYZER, DIMENSION, FINGERPRINT, unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

VECTORS = unit_vectors(3, seed=5)
QUERIES = unit_vectors(4, seed=6)
TERMS = [["t1", "t2"], ["t1"], ["t2", "t2", "t3"]]


def batch(kinds: dict[str, int], note: str = "") -> EmbeddedBatch:
    """Documents by id, each with the vector and the terms of a kind; kinds have the same length."""
    documents = [Document(id_, "x", metadata={"note": note, "kind": kind}) for id_, kind in kinds.items()]
    vectors = VECTORS[list(kinds.values())] if kinds else np.empty((0, DIMENSION), np.float32)
    terms = [TERMS[kind] for kind in kinds.values()]
    return EmbeddedBatch(documents, [[Passage("x", 0, 1)] for _ in documents], vectors, None, terms)


def made(path, *batches, **options) -> Index:
    index = Index.create(path, FINGERPRINT, batches=batches[:1], analyzer=ANALYZER, overwrite=True, **options)
    for more in batches[1:]:
        index.upsert([more])
    return index


def answers(index: Index, k: int, where: str | None = None):
    vectors = np.concatenate([QUERIES, VECTORS])
    terms = [["t1"], ["t2"], ["t3", "t1"], ["t1", "t2", "t3"]]
    hybrid = index.search_both(vectors[:4], terms, k, where=where)
    hits_by_search = {
        "dense": index.search(vectors, k, where=where),
        "lexical": index.search_terms(terms, k, where=where),
        "both": [[hit for hit in hits if hit.dense_score is not None] for hits in hybrid],
    }
    return {
        name: [[(hit.document.id, hit.score) for hit in hits] for hits in lines]
        for name, lines in hits_by_search.items()
    }


def expected(documents: dict[str, int], k: int) -> list[list[str]]:
    scores = {id_: np.concatenate([QUERIES, VECTORS]) @ VECTORS[kind] for id_, kind in documents.items()}
    return [sorted(scores, key=lambda id_: (-scores[id_][q], id_))[:k] for q in range(len(QUERIES) + 3)]


@pytest.mark.parametrize("order", ["bca", "abc"])
def test_the_copies_of_the_review(tmp_path, order):
    """Three equal documents: top-1 was the one added first, and an upsert of another one changed it."""
    index = made(tmp_path / "index", *(batch({id_: 0}) for id_ in order))
    for changed in "bca":
        for k in (1, 2, 3, 4):
            for name, lines in answers(index, k).items():
                for line in lines:
                    assert [id_ for id_, _ in line] == [*"abc"[:k]] or (name == "lexical" and not line), (name, k)
        index.upsert([batch({changed: 0}, note="again")])


IDS = st.sampled_from([f"{n:02}" for n in range(30)])
BATCHES = st.lists(st.dictionaries(IDS, st.integers(0, 2), min_size=1), min_size=1, max_size=4)


@settings(max_examples=3, deadline=None)
@given(BATCHES, st.booleans())
def test_the_answer_depends_on_the_contents_alone(tmp_path_factory, batches, compacted):
    require_order_by_contents(tmp_path_factory, batches, compacted=compacted)


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None)
@given(BATCHES, st.booleans())
def test_the_answer_depends_on_the_contents_alone_in_many_histories(tmp_path_factory, batches, compacted):
    require_order_by_contents(tmp_path_factory, batches, compacted=compacted)


def require_order_by_contents(tmp_path_factory, batches, *, compacted):
    """Two histories of the same contents give the same answers, fewer results are a prefix of more."""
    contents = {id_: kind for of_batch in batches for id_, kind in of_batch.items()}
    path = tmp_path_factory.mktemp("ties")
    index = made(path / "history", *map(batch, batches))
    if compacted:
        index.compact()
    fresh = made(path / "fresh", batch(dict(sorted(contents.items()))))
    everything = answers(index, 30)
    for k in (1, 2, 5, 9, 30):
        answered = answers(index, k)
        assert answered == answers(fresh, k)
        assert [[id_ for id_, _ in line] for line in answered["dense"]] == expected(contents, k)
        for name in ("dense", "lexical"):
            assert answered[name] == [line[:k] for line in everything[name]]
        allowed = {id_ for id_, kind in contents.items() if kind > 0}
        filtered = answers(index, k, where="kind > 0") if allowed else {"dense": []}
        allowed_contents = {id_: kind for id_, kind in contents.items() if id_ in allowed}
        assert [[id_ for id_, _ in line] for line in filtered["dense"]] == (
            expected(allowed_contents, k) if allowed else []
        )
    before = answers(index, 7)
    every_other = dict(list(contents.items())[::2])
    index.upsert([batch(every_other)])
    assert answers(index, 7) == before, "the same bytes again change nothing"


@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat", "HNSW8"])
def test_more_copies_than_are_fetched_at_once(tmp_path, factory):
    """The tie goes on beyond the rows that a search asks FAISS for at first."""
    ids = [f"{(n * 7919) % 3000:04}" for n in range(3000)]
    copies = dict.fromkeys(ids, 0) | {"best": 1}
    index = made(tmp_path / "index", batch(copies), layout=VectorLayout(factory=factory))
    for k in (1, 3, 150):
        [line] = index.search(VECTORS[:1], k)
        assert [hit.document.id for hit in line] == sorted(copies.keys() - {"best"})[:k]
        [terms] = index.search_terms([["t1"]], k)
        assert [hit.document.id for hit in terms] == ["best", *sorted(copies.keys() - {"best"})][:k]


def test_of_very_many_copies_enough_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "MOST_TIED", 50)
    index = made(tmp_path / "index", batch({f"{(n * 7919) % 1000:04}": 0 for n in range(1000)}))
    for k in (1, 5):
        [line] = index.search(VECTORS[:1], k)
        assert len(line) == k
        assert line == index.search(VECTORS[:1], 5)[0][:k]
