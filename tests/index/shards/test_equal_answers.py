"""Shards find what one process finds: the same documents, passages, scores and order, whatever is asked."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError
from bicross.index import BM25, Document, EmbeddedBatch, Index, Passage, ShardedIndex, VectorLayout
from bicross.index.shards import segments_of_shards
from helpers.examples import examples
from helpers.local_shards import LocalShards, sharded
from helpers.toy_collections import ANALYZER, DIMENSION, FINGERPRINT, TOKENIZER, unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

VECTORS = unit_vectors(4, seed=5)
"""Few, so that many documents have equal scores, in all shards and across the border of any k."""
TERMS = [["t1", "t2"], ["t1"], ["t2", "t2", "t3"], []]
QUERY_VECTORS = np.concatenate([unit_vectors(3, seed=6), VECTORS[:1]])
QUERY_TERMS = [["t1"], ["t2", "t1", "t2"], ["t3", "nobody"], []]
VALUES = [1, 2, 2.5, "2", "7 kg", "2020", "2021-03-04", "5.6.2021", True, ["a", "b"], {"inner": 1}, None]
FILTERS = [
    "n >= 1",
    "value == 2",
    "value > 1",
    "value == '2'",
    "value > '2020'",
    "value < '2021-03-05' and n < 4",
    "value in ['2', '7 kg']",
    "'a' in value",
    "value",
    "value is None",
    "value.inner == 1",
    "not value == 2 or value startswith '7'",
    "id >= 'd05'",
    "nothing is None",
    "nothing == 1",
    "rare == value",
    "value == ",
    pc.field("value") >= 2,
    pc.field("value") > "2020",
    pc.field("n").isin([1, 2]) | (pc.field("rare") == 1),
    pc.field("nothing") == 1,
]

documents = st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from(VALUES))
batches = st.lists(
    st.dictionaries(st.sampled_from([f"d{n:02}" for n in range(20)]), documents, min_size=1, max_size=8),
    min_size=1,
    max_size=6,
)


def batch(contents: dict[str, tuple[list[int], object]]) -> EmbeddedBatch:
    """Documents by id, each with the kinds of its passages and a value."""
    made = [
        Document(id_, "abc"[: len(kinds)], metadata={"n": len(kinds) + n, "value": value, **_rare(id_)})
        for n, (id_, (kinds, value)) in enumerate(contents.items())
    ]
    kinds = [kind for passages, _ in contents.values() for kind in passages]
    return EmbeddedBatch(
        made,
        [[Passage(letter, at, at + 1) for at, letter in enumerate(document.text)] for document in made],
        VECTORS[kinds],
        [np.full(kind + 1, kind, np.uint16) for kind in kinds],
        [TERMS[kind] for kind in kinds],
    )


def _rare(id_: str) -> dict[str, object]:
    return {"rare": 1} if id_ == "d03" else {}


def made(path: Path, contents, layout: VectorLayout | None = None) -> Index:
    """An index with a segment for each batch that adds documents, and with deleted ones."""
    index = Index.create(
        path,
        FINGERPRINT,
        batches=[batch(contents[0])],
        layout=layout,
        tokenizer_fingerprint=TOKENIZER,
        analyzer=ANALYZER,
        overwrite=True,
    )
    for more in contents[1:]:
        index.upsert([batch(more)])
    return index


def plain(hits):
    """Everything of hits, also what they are not compared by."""
    return [
        [
            (
                dataclasses.replace(hit, tokens=None, others=()),
                hit.tokens.tolist(),
                hit.lexical_limit,
                [(other.passage, other.score, other.tokens.tolist()) for other in hit.others],
            )
            for hit in of_query
        ]
        for of_query in hits
    ]


def answers(index: Index, k: int, passages: int, where) -> dict[str, object]:
    """What an index answers to everything that retrievers ask, or the error."""
    ids = sorted(document.id for document in index.sample(1000))
    asked = {
        "dense": lambda: plain(index.search(QUERY_VECTORS, k, where=where, passages=passages)),
        "lexical": lambda: plain(index.search_terms(QUERY_TERMS, k, where=where, weights=BM25(1.2, 0.7))),
        "both": lambda: plain(index.search_both(QUERY_VECTORS, QUERY_TERMS, k, where=where, passages=passages)),
        "near": lambda: plain(index.neighbours(ids[:3], k, where=where)),
        "near_query": lambda: plain(index.neighbours(ids[-3:], k, where=where, query=QUERY_VECTORS[0])),
        "near_enough": lambda: plain(index.neighbours(ids[:2], k, where=where, threshold=0.2)),
        "term_scores": lambda: index.term_scores(ids, QUERY_TERMS[1]).tolist(),
        "vectors": lambda: [vectors.tolist() for vectors in index.vectors(ids)],
        "count": lambda: None if where is None else index.count(where),
    }
    return {name: _or_error(ask) for name, ask in asked.items()}


def _or_error(ask):
    try:
        return ask()
    except ArgumentError as error:
        return str(error)


def require_equal(index: Index, shards: int, asked) -> None:
    parts = sharded(index, shards)
    for k, passages, where in asked:
        assert answers(parts, k, passages, where) == answers(index, k, passages, where), (k, passages, where)


searches = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 7, 100]), st.sampled_from([1, 3]), st.sampled_from([None, None, *FILTERS])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=examples(60), deadline=None)
@given(batches, st.integers(1, 8), searches, st.sampled_from(["Flat", "SQ8"]))
def test_shards_answer_as_one_index(tmp_path_factory, contents, shards, asked, factory):
    index = made(tmp_path_factory.mktemp("shards") / "index", contents, VectorLayout(factory))
    require_equal(index, shards, asked)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Index:
    chance = np.random.default_rng(3)
    contents = [
        {
            f"d{chance.integers(20):02}": (chance.integers(4, size=1 + n % 3).tolist(), VALUES[chance.integers(12)])
            for n in range(5)
        }
        for _ in range(7)
    ]
    index = made(tmp_path_factory.mktemp("library") / "index", contents)
    index.delete([next(index.ids())])
    return index


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_a_filter_means_the_same_in_every_shard(library, where):
    require_equal(library, 4, [(5, 1, where)])


def test_what_is_said_of_an_index_is_the_same(library):
    parts = sharded(library, 3)
    ids = [*library.ids(), "nobody"]
    assert len(parts) == len(library)
    assert parts.get(ids) == library.get(ids)
    assert parts.passages(ids[:-1]) == library.passages(ids[:-1])
    assert parts.fields() == library.fields()
    assert parts.info() == library.info()
    for count in (1, 2, 3, 7, 100):
        assert parts.sample(count) == library.sample(count)
    with pytest.raises(ArgumentError, match="there is no document with the id 'nobody'"):
        parts.vectors(ids)


def test_an_empty_index(tmp_path):
    index = Index.create(tmp_path / "index", FINGERPRINT, analyzer=ANALYZER)
    parts = sharded(index, 2)
    assert parts.search(QUERY_VECTORS, 3) == [[]] * 4
    assert parts.search_terms(QUERY_TERMS, 3) == [[]] * 4
    assert parts.search_both(QUERY_VECTORS, QUERY_TERMS, 3) == [[]] * 4
    assert parts.search(np.empty((0, DIMENSION), np.float32), 3) == []
    assert parts.fields() == ()
    assert parts.sample(2) == parts.get([]) == parts.vectors([]) == []


def test_facts_of_fields_are_asked_for_once(library):
    shards = LocalShards(library.path, 3)
    parts = ShardedIndex(library.path, shards)
    parts.search(QUERY_VECTORS, 3, where="n >= 1 and value > 1")
    assert "GetFacts" in shards.asked
    shards.asked.clear()
    parts.pinned().search(QUERY_VECTORS, 3, where="value > 2")
    assert shards.asked == ["Nearest"] * 3 + ["ReadHits"] * len([name for name in shards.asked if name == "ReadHits"])


def largest(sizes: list[int], ranges: list[range]) -> int:
    return max((sum(sizes[part.start : part.stop]) for part in ranges), default=0)


def smallest_possible(sizes: list[int], shards: int) -> int:
    if shards == 1 or not sizes:
        return sum(sizes)
    return min(max(sum(sizes[:at]), smallest_possible(sizes[at:], shards - 1)) for at in range(len(sizes) + 1))


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.integers(0, 9), max_size=7), st.integers(1, 5))
def test_parts_follow_each_other_and_the_largest_is_small(sizes, shards):
    entries = [SimpleNamespace(passages=size) for size in sizes]
    ranges = segments_of_shards(SimpleNamespace(segments=entries), shards)
    assert len(ranges) == shards
    assert [number for part in ranges for number in part] == list(range(len(sizes)))
    assert largest(sizes, ranges) == smallest_possible(sizes, shards)
    if len(sizes) >= shards:
        assert all(ranges)
