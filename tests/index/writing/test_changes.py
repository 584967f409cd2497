"""What changes an index: upsert, delete, compaction, rollback, and a build that is interrupted and continued."""

import dataclasses
import logging
from functools import partial
from types import SimpleNamespace

import numpy as np
import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError, DocumentError, IndexCorrupt, IndexExists, IndexModelMismatch, IndexNotFound
from bicross.index import Chunking, Document, EmbeddedBatch, Index, Passage, VectorLayout
from bicross.index.manifest import Manifest
from bicross.index.writing import IndexBuilder, segments_to_merge
from bicross.index.writing.merge_policy import MAX_SEGMENTS
from helpers.fakes import HashEncoder
from helpers.toy_collections import DIMENSION, FINGERPRINT, assert_same, batch, oracle_of, record, unit_vectors

OTHER_MODEL = HashEncoder(dimension=DIMENSION, name="other-encoder").fingerprint


def create(path, *batches_of_records, **options):
    return Index.create(path, FINGERPRINT, batches=map(batch, batches_of_records), **options)


def records(*numbers, version=0, passages=1):
    return [record(n, version, passages) for n in numbers]


def ids(index):
    return [document.id for document in index.documents()]


def names_on_disk(path, folder="segments"):
    return {entry.name for entry in (path / folder).iterdir()}


def bytes_on_disk(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def hits_of(index, k=10, where=None):
    """Ids and scores for a few queries."""
    return [
        [(hit.document.id, hit.score) for hit in hits] for hits in index.search(unit_vectors(3, 555), k, where=where)
    ]


def assert_same_hits(before, after):
    for expected, hits in zip(before, after, strict=True):
        assert [id_ for id_, _ in expected] == [id_ for id_, _ in hits]
        np.testing.assert_allclose([score for _, score in expected], [score for _, score in hits], atol=1e-6)


# Upsert


def test_upsert_writes_new_documents_and_replaces_those_that_are_there(tmp_path):
    index = create(tmp_path / "i", records(0, 1, 2))
    assert index.upsert([batch(records(1, 7, version=1))]) == 2
    assert ids(index) == ["d0", "d2", "d1", "d7"]
    assert_same(Index.open(tmp_path / "i"), oracle_of([*records(0, 2), *records(1, 7, version=1)]))
    assert (index.generation, index.info().deleted) == (3, 0)  # a third was deleted: it was compacted


def test_upsert_of_what_is_there_unchanged_changes_nothing_to_be_seen(tmp_path):
    index = create(tmp_path / "i", records(*range(10)))
    before = hits_of(index)
    assert index.upsert([batch(records(3))]) == 1
    assert_same_hits(before, hits_of(index))
    assert len(index) == 10


def test_upsert_of_nothing_makes_no_generation(tmp_path):
    index = create(tmp_path / "i", records(0))
    assert index.upsert([]) == index.upsert([batch([])]) == index.add([batch([])]) == 0
    assert index.generation == 1


@pytest.mark.parametrize("apart", [False, True], ids=["one batch", "two batches"])
def test_of_an_id_that_comes_twice_in_one_upsert_the_last_stays(tmp_path, apart):
    index = create(tmp_path / "i", records(0, 1))
    first, second = record(1, 1), record(1, 2)
    index.upsert([batch([first]), batch([second])] if apart else [batch([first, record(5), second])])
    expected = oracle_of([record(0), second, *([] if apart else [record(5)])])
    assert_same(Index.open(tmp_path / "i"), expected)
    assert Index.verify(tmp_path / "i").problems == ()


def test_upsert_reaches_documents_in_every_segment_and_in_segments_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("bicross.index.collection.segments_to_merge", lambda manifest: [])
    monkeypatch.setattr("bicross.index.writing.writer.IndexWriter.segment_passages", 2)
    index = create(tmp_path / "i", records(0, 1))
    index.add([batch(records(2, 3))])
    index.add([batch(records(4, 5))])
    changed = records(0, 2, 4, 9, version=1)
    index.upsert([batch(changed[:2]), batch(changed[2:]), batch(records(0, version=2))])
    assert_same(index, oracle_of([*records(1, 3, 5), *changed[1:], record(0, 2)]))
    assert index.info().segments == 6
    assert index.info().deleted == 4
    assert Index.verify(tmp_path / "i").problems == ()


def test_upsert_that_changes_metadata_alone(tmp_path):
    document, vectors = Document("a", "x", "", {"year": 1999}), unit_vectors(1, 1)
    later = Document("a", "x", "", {"year": 2024})
    index = Index.create(
        tmp_path / "i", FINGERPRINT, batches=[EmbeddedBatch([document], [[Passage("x", 0, 1)]], vectors)]
    )
    with index.writer() as writer:
        assert writer.holds([document, later]) == [True, False]
    index.upsert([EmbeddedBatch([later], [[Passage("x", 0, 1)]], vectors)])
    assert index.get(["a"]) == [later]
    assert hits_of(index, where="year < 2000") == [[], [], []]
    assert all(hits for hits in hits_of(index, where="year > 2000"))


def test_an_upsert_that_fails_leaves_what_was_there(tmp_path):
    def breaking_off():
        yield batch(records(0, 9, version=1))
        raise RuntimeError("the source broke off")

    index = create(tmp_path / "i", records(0, 1))
    with pytest.raises(RuntimeError, match="broke off"):
        index.upsert(breaking_off())
    for opened in (index, Index.open(tmp_path / "i")):
        assert_same(opened, oracle_of(records(0, 1)))
    assert len(names_on_disk(tmp_path / "i")) == 1


# Delete and get


def test_delete_by_id_by_filter_and_both(tmp_path):
    index = create(tmp_path / "i", records(*range(10)))
    assert index.delete(["d3", "nobody", "d3"]) == 1
    assert index.delete(where="number >= 8") == 2
    assert index.delete(["d0", "d1"], where=pc.field("number") < 2) == 2, "each counts once"
    assert ids(index) == ids(Index.open(tmp_path / "i")) == ["d2", "d4", "d5", "d6", "d7"]
    assert_same(index, oracle_of(records(2, 4, 5, 6, 7)))


def test_delete_of_nothing_makes_no_generation(tmp_path):
    index = create(tmp_path / "i", records(0, 1))
    assert index.delete() == index.delete(["nobody"]) == index.delete(where="number > 100") == 0
    assert (index.generation, index.info().older_generations) == (1, ())


def test_everything_can_be_deleted_and_added_again(tmp_path):
    index = create(tmp_path / "i", records(*range(5)))
    assert index.delete(where="number >= 0") == 5
    assert len(index) == index.info().segments == 0
    assert hits_of(index) == [[], [], []]
    assert index.add([batch(records(*range(3)))]) == 3
    assert_same(Index.open(tmp_path / "i"), oracle_of(records(*range(3))))


def test_a_deleted_id_is_free_again(tmp_path):
    index = create(tmp_path / "i", records(*range(10)))
    index.delete(["d1"])
    assert index.add([batch(records(1, version=4))]) == 1
    with pytest.raises(DocumentError, match="the id 'd1' is there already"):
        index.add([batch(records(1, version=5))])


def test_delete_refuses_what_it_does_not_understand_and_deletes_nothing(tmp_path):
    index = create(tmp_path / "i", records(0, 1))
    with pytest.raises(ArgumentError, match=r"ids must be a list of ids, not one: write \['d0'\]"):
        index.delete("d0")
    with pytest.raises(ArgumentError, match="there is no field 'colour'"):
        index.delete(["d0"], where="colour == 'red'")
    assert len(Index.open(tmp_path / "i")) == 2


def test_get_follows_the_ids_across_segments_and_deletions(tmp_path):
    index = create(tmp_path / "i", records(*range(6)))
    index.add([batch(records(6, 7))])
    index.delete(["d2"])
    index.upsert([batch(records(1, version=3))])
    asked = ["d7", "d2", "nobody", "d1", "d0", "d7"]
    expected = [record(7), None, None, record(1, 3), record(0), record(7)]
    assert index.get(asked) == [r and r.document for r in expected]
    assert index.get([]) == []


# Readers


def test_a_reader_keeps_its_generation_until_it_refreshes(tmp_path):
    writer = create(tmp_path / "i", records(*range(5)))
    reader = Index.open(tmp_path / "i")
    assert not reader.refresh()
    before = hits_of(reader)
    writer.upsert([batch(records(0, 8, version=1))])
    writer.delete(["d1"])
    writer.compact(grace=0)
    assert (ids(reader), hits_of(reader), reader.generation) == (["d0", "d1", "d2", "d3", "d4"], before, 1)
    assert reader.refresh()
    assert reader.generation == writer.generation
    assert_same(reader, oracle_of([*records(2, 3, 4), *records(0, 8, version=1)]))
    assert not reader.refresh()


def test_an_index_moves_along_with_its_own_changes_on_top_of_those_of_others(tmp_path):
    first, second = create(tmp_path / "i", records(0)), Index.open(tmp_path / "i")
    first.add([batch(records(1))])
    second.add([batch(records(2))])
    assert ids(second) == ["d0", "d1", "d2"]
    assert ids(first) == ["d0", "d1"]


def test_refresh_refuses_an_index_of_another_model(tmp_path):
    reader = create(tmp_path / "i", records(0))
    Index.create(tmp_path / "i", OTHER_MODEL, overwrite=True)
    with pytest.raises(IndexModelMismatch, match="'other-encoder'"):
        reader.refresh()
    assert ids(reader) == ["d0"]


# Filters


def documents_of(*metadata, start=0, passages=1):
    """Documents m0, m1, ... with these metadata, as a batch."""
    made = [Document(f"m{i}", "x" * passages, "", fields) for i, fields in enumerate(metadata, start)]
    spans = [[Passage("x", at, at + 1) for at in range(passages)] for _ in made]
    return EmbeddedBatch(made, spans, unit_vectors(passages * len(made), seed=start))


@pytest.fixture
def mixed(tmp_path):
    """Three segments: integers, other numbers, and neither."""
    first = documents_of({"year": 1999, "tag": "old"}, {"year": 2001}, {"year": 2020, "tags": ["a", "b"]})
    index = Index.create(tmp_path / "mixed", FINGERPRINT, batches=[first])
    index.add([documents_of({"year": 2000.5}, {"year": 2020.0, "tag": "new"}, start=3)])
    index.add([documents_of({"tag": "old"}, {}, start=5)])
    assert index.info().segments == 3
    return index


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("year >= 2000", {1, 2, 3, 4}),
        ("year == 2020", {2, 4}),
        ("year != 2020", {0, 1, 3}),
        ("year < 2000.75", {0, 3}),
        ("not year >= 2000", {0}),
        ("year is None", {5, 6}),
        ("tag == 'old'", {0, 5}),
        ("tag == 'old' or year > 2010", {0, 2, 4, 5}),
        ("'a' in tags", {2}),
        ("year in [2001, 2000.5]", {1, 3}),
        ("year > 3000", set()),
        (pc.field("year") >= 2000, {1, 2, 3, 4}),
        ((pc.field("tag") == "old") & pc.field("year").is_null(), {5}),
        (pc.field("tag").isin(["old", "new"]), {0, 4, 5}),
        (pc.field("year").is_valid(), {0, 1, 2, 3, 4}),
    ],
    ids=str,
)
def test_where_means_the_same_in_every_segment(mixed, where, expected):
    expected_ids = {f"m{i}" for i in expected}
    for hits in mixed.search(unit_vectors(2, 9), 20, where=where):
        assert {hit.document.id for hit in hits} == expected_ids
    reopened = Index.open(mixed.path)
    reopened.compact()
    assert reopened.info().segments == 1
    assert {hit.document.id for hit in reopened.search(unit_vectors(1, 9), 20, where=where)[0]} == expected_ids
    assert reopened.delete(where=where) == len(expected)
    assert set(ids(reopened)) == {f"m{i}" for i in range(7)} - expected_ids


def test_the_last_document_with_a_field_may_go(mixed):
    assert mixed.count("tag is not null") > 0
    mixed.delete(where="tag is not null")
    mixed.compact()
    assert mixed.count("tag is null") == len(mixed) > 0
    with pytest.raises(ArgumentError, match="no field 'tag' to filter by"):
        mixed.count("tag == 'old'")
    with pytest.raises(ArgumentError, match="no field 'tag' to filter by"):
        mixed.delete(where="tag is null")  # which a misspelt name would make an order to delete everything


@pytest.mark.parametrize("where", ["yeer > 2000", pc.field("yeer") > 2000], ids=str)
def test_an_unknown_field_is_an_error_that_names_those_that_are_there(mixed, where):
    with pytest.raises(ArgumentError, match="no field 'yeer' to filter by; there are: 'tag', 'tags', 'year'"):
        mixed.search(unit_vectors(1, 1), 3, where=where)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("year === 2000", "year === 2000"),
        ("year > 'x'", "holds numbers"),
        (7, "not int: 7"),
        (pc.field("year"), "is double"),
    ],
    ids=str,
)
def test_a_where_that_cannot_be_used(mixed, where, message):
    with pytest.raises(ArgumentError, match=message):
        mixed.search(unit_vectors(1, 1), 3, where=where)


def test_k_documents_are_found_whenever_k_match_and_live(tmp_path):
    """Passages of documents that do not match, or that are deleted, crowd out nobody."""
    query = unit_vectors(1, 3)
    made = [Document(f"m{i}", "x" * 20, "", {"i": i, "wanted": i % 3 == 0}) for i in range(30)]
    index = Index.create(tmp_path / "i", FINGERPRINT)
    for part in (made[:12], made[12:20], made[20:]):
        # The later a document, the nearer all of its passages are to the query.
        noise = unit_vectors(20 * len(part), seed=len(part))
        near = np.repeat([document.metadata["i"] for document in part], 20)[:, None] * query
        vectors = (near + noise).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        spans = [[Passage("x", at, at + 1) for at in range(20)] for _ in part]
        index.add([EmbeddedBatch(part, spans, vectors)])
    index.delete(["m29", "m27", "m15"])
    for k in (1, 4, 7, 8, 27, 50):
        [hits] = index.search(query, k, where="wanted")
        assert len(hits) == min(k, 8)
        assert {h.document.id for h in hits} <= {f"m{i}" for i in range(0, 30, 3)} - {"m27", "m15"}
        [hits] = index.search(query, k)
        assert len({h.document.id for h in hits}) == min(k, 27)
    assert [h.document.id for h in index.search(query, 2, where="wanted")[0]] == ["m24", "m21"]


# Compaction


def test_compaction_keeps_what_is_found_and_frees_the_disk(tmp_path):
    index = create(tmp_path / "i", records(*range(40), passages=2))
    for n in range(40, 50):
        index.add([batch(records(n, passages=3))])
    index.delete([f"d{n}" for n in (1, 5, 41, 49)])
    before, size = hits_of(index, k=20), bytes_on_disk(tmp_path / "i")
    filtered = hits_of(index, where="even")
    order = ids(index)
    index.compact(grace=0)
    info = index.info()
    assert (info.segments, info.deleted, info.documents, info.older_generations) == (1, 0, 46, ())
    assert ids(index) == order
    for opened in (index, Index.open(tmp_path / "i")):
        assert_same_hits(before, hits_of(opened, k=20))
        assert_same_hits(filtered, hits_of(opened, where="even"))
    assert bytes_on_disk(tmp_path / "i") < size / 2
    assert len(names_on_disk(tmp_path / "i")) == 1
    assert names_on_disk(tmp_path / "i", "tombstones") == set()
    assert Index.verify(tmp_path / "i").problems == ()


def test_compacting_what_is_compact_makes_no_generation(tmp_path):
    index = create(tmp_path / "i", records(0, 1))
    index.compact()
    index.compact(grace=0)
    assert index.generation == 1
    empty = create(tmp_path / "empty")
    empty.compact()
    assert len(empty) == 0


def test_old_generations_stay_for_their_grace_time_and_no_longer(tmp_path, monkeypatch):
    index = create(tmp_path / "i", records(0, 1))
    index.add([batch(records(2))])
    index.compact(grace=100)
    assert index.info().older_generations == (1, 2)
    assert len(names_on_disk(tmp_path / "i")) == 3
    now = Manifest.from_bytes((tmp_path / "i" / "MANIFEST").read_bytes(), source="").committed
    monkeypatch.setattr("bicross.index.writing.generations.time.time", lambda: now + 101)
    index.compact(grace=100)
    assert index.info().older_generations == ()
    assert len(names_on_disk(tmp_path / "i")) == 1
    assert_same(index, oracle_of(records(0, 1, 2)))


def test_a_segment_is_compacted_by_itself_when_more_than_a_fifth_of_it_is_deleted(tmp_path):
    index = create(tmp_path / "i", records(*range(10)))
    index.add([batch(records(*range(10, 20)))])
    [large, other] = [entry.name for entry in index._manifest.segments]
    index.delete(["d0", "d1"])
    assert (index.generation, index.info().deleted) == (3, 2), "exactly a fifth is not more than that"
    index.delete(["d2"])
    assert (index.generation, index.info().deleted) == (5, 0)
    [rewritten, untouched] = [entry.name for entry in index._manifest.segments]
    assert rewritten != large
    assert untouched == other
    assert ids(index) == [f"d{n}" for n in range(3, 20)], "the order of adding stays"
    assert_same(Index.open(tmp_path / "i"), oracle_of(records(*range(3, 20))))


def test_too_many_small_segments_become_one_and_a_large_one_is_left_alone(tmp_path):
    index = create(tmp_path / "i", records(*range(40)))
    large = index._manifest.segments[0].name
    for n in range(40, 40 + MAX_SEGMENTS - 1):
        index.add([batch(records(n))])
    assert index.info().segments == MAX_SEGMENTS
    index.add([batch(records(99))])
    assert [entry.documents for entry in index._manifest.segments] == [40, MAX_SEGMENTS]
    assert index._manifest.segments[0].name == large
    assert ids(index) == [f"d{n}" for n in [*range(55), 99]]
    assert Index.verify(tmp_path / "i").problems == ()


def test_a_small_addition_rewrites_no_full_segment(tmp_path, monkeypatch):
    monkeypatch.setattr("bicross.index.collection.segments_to_merge", partial(segments_to_merge, most=10))
    monkeypatch.setattr("bicross.index.writing.compaction.MERGED_PASSAGES", 10)
    index = create(tmp_path / "i")
    for n in range(18):
        index.add([batch(records(*range(10 * n, 10 * n + 10)))])
    full = [entry.name for entry in index._manifest.segments]
    assert len(full) == 18
    for n in range(180, 200):
        index.add([batch(records(n))])
        assert [entry.name for entry in index._manifest.segments][:18] == full
    assert index.info().segments <= 18 + MAX_SEGMENTS + 1
    assert_same(Index.open(tmp_path / "i"), oracle_of(records(*range(200))))


def test_adding_one_by_one_never_leaves_too_many_segments(tmp_path):
    index = create(tmp_path / "i")
    for n in range(30):
        index.add([batch(records(n))])
        assert index.info().segments <= MAX_SEGMENTS
    assert_same(Index.open(tmp_path / "i"), oracle_of(records(*range(30))))


def test_a_compaction_that_fails_after_a_change_is_a_warning_and_the_change_stays(tmp_path, monkeypatch, caplog):
    def no_space(*_, **__):
        raise OSError("no space left")

    index = create(tmp_path / "i", records(*range(10)))
    monkeypatch.setattr("bicross.index.collection.compact", no_space)
    with caplog.at_level(logging.WARNING, "bicross"):
        assert index.delete(where="number < 9") == 9
    assert "was not compacted: no space left" in caplog.text
    assert ids(index) == ids(Index.open(tmp_path / "i")) == ["d9"]


# Rollback and generations


def test_rollback_commits_an_older_generation_again(tmp_path):
    index = create(tmp_path / "i", records(0, 1, 2, 3, 4))
    index.add([batch(records(5))])
    index.delete(["d0"])
    assert index.info().older_generations == (1, 2)
    index.rollback(1)
    assert (index.generation, index.info().older_generations) == (4, (1, 2, 3))
    assert_same(index, oracle_of(records(0, 1, 2, 3, 4)))
    index.add([batch(records(6))])
    assert_same(Index.open(tmp_path / "i"), oracle_of(records(0, 1, 2, 3, 4, 6)))
    index.rollback(3)
    assert_same(Index.open(tmp_path / "i"), oracle_of(records(1, 2, 3, 4, 5)))
    assert Index.verify(tmp_path / "i").problems == ()


def test_rollback_undoes_a_compaction_and_an_overwrite(tmp_path):
    index = create(tmp_path / "i", records(*range(10)))
    index.delete(["d0", "d1", "d2"])  # and a compaction: generation 3
    index.rollback(1)
    assert len(index) == 10
    create(tmp_path / "i", records(77), overwrite=True)
    again = Index.open(tmp_path / "i")
    again.rollback(4)
    assert_same(again, oracle_of(records(*range(10))))


@pytest.mark.parametrize("generation", [0, 7, -1])
def test_rollback_to_what_is_not_there_names_what_is(tmp_path, generation):
    index = create(tmp_path / "i", records(0))
    index.add([batch(records(1))])
    with pytest.raises(ArgumentError, match=f"has no generation {generation}; there are 1, 2"):
        index.rollback(generation)
    assert index.generation == 2


def test_rollback_after_a_compaction_without_grace(tmp_path):
    index = create(tmp_path / "i", records(0))
    index.add([batch(records(1))])
    index.compact(grace=0)
    with pytest.raises(ArgumentError, match="has no generation 1; there are 3"):
        index.rollback(1)
    assert_same(index, oracle_of(records(0, 1)))


def test_rollback_to_a_damaged_generation_is_refused(tmp_path):
    index = create(tmp_path / "i", records(0))
    (old,) = names_on_disk(tmp_path / "i")
    create(tmp_path / "i", records(1), overwrite=True)
    (tmp_path / "i" / "segments" / old / "vectors.faiss").write_bytes(b"nonsense")
    index = Index.open(tmp_path / "i")
    with pytest.raises(IndexCorrupt, match=r"vectors\.faiss is damaged"):
        index.rollback(1)
    assert ids(Index.open(tmp_path / "i")) == ["d1"]


def test_many_old_generations_go_once_their_grace_time_has_passed(tmp_path, monkeypatch):
    monkeypatch.setattr("bicross.index.collection.GRACE_SECONDS", 0)
    monkeypatch.setattr("bicross.index.writing.generations.KEPT_GENERATIONS", 3)
    index = create(tmp_path / "i", records(0))
    for n in range(1, 8):
        index.add([batch(records(n))])
    assert index.info().older_generations == (4, 5, 6, 7)
    assert Index.verify(tmp_path / "i").problems == ()


def test_many_small_commits_keep_few_generations_and_little_space(tmp_path, monkeypatch):
    """One commit each three seconds, for five minutes."""
    now = [1e9]
    monkeypatch.setattr("bicross.index.writing.generations.time", SimpleNamespace(time=lambda: now[0]))
    index = create(tmp_path / "i", records(0))
    for number in range(1, 100):
        now[0] += 3
        index.add([batch(records(number))])
    assert len(index.info().older_generations) <= 20 + 60 / 3 + 4
    assert len(index.info().older_generations) >= 20
    now[0] += 61
    index.add([batch(records(100))])
    assert len(index.info().older_generations) <= 21
    once = create(tmp_path / "once", records(*range(101)))
    assert_same_hits(hits_of(once), hits_of(index))
    index.compact(grace=0)
    assert bytes_on_disk(tmp_path / "i") < 2 * bytes_on_disk(tmp_path / "once")


def test_a_commit_does_not_read_all_older_generations_again(tmp_path, monkeypatch):
    monkeypatch.setattr("bicross.index.writing.generations.KEPT_GENERATIONS", 3)
    monkeypatch.setattr("bicross.index.collection.segments_to_merge", lambda manifest: [])
    index = create(tmp_path / "i", records(0))
    for n in range(1, 31):
        index.add([batch(records(n))])
    read: list[str] = []
    from_bytes = Manifest.from_bytes

    def noted(content, *, source):
        read.append(source)
        return from_bytes(content, source=source)

    monkeypatch.setattr(Manifest, "from_bytes", staticmethod(noted))
    index.add([batch(records(31))])
    assert len(index.info().older_generations) == 31
    assert 0 < len(read) < 12


def test_what_a_damaged_older_generation_lists_is_kept_until_it_is_gone(tmp_path):
    index = create(tmp_path / "i", records(0, 1))
    index.add([batch(records(2))])
    index.compact()
    old = tmp_path / "i" / "MANIFEST.1"
    content = old.read_bytes()
    old.write_bytes(content[:-1] + b"?")
    before = names_on_disk(tmp_path / "i")
    index.add([batch(records(3))])
    assert before <= names_on_disk(tmp_path / "i")
    old.write_bytes(content)
    index.rollback(1)
    assert_same(Index.open(tmp_path / "i"), oracle_of(records(0, 1)))


# Verification


@pytest.mark.parametrize("name", ["documents.arrow", "metadata.arrow", "passages.arrow", "ids.arrow", "vectors.faiss"])
def test_verify_names_the_file_that_is_damaged_and_opens_on(tmp_path, name):
    index = create(tmp_path / "i", records(0, 1))
    index.add([batch(records(2, 3))])
    before = Index.verify(tmp_path / "i")
    assert (before.generations, before.segments, before.documents, before.passages) == ((1, 2), 2, 4, 4)
    assert before.problems == ()
    segment = index._manifest.segments[1].name
    path = tmp_path / "i" / "segments" / segment / name
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    [problem] = Index.verify(tmp_path / "i").problems
    assert f"{segment}/{name} is damaged" in problem.replace("\\", "/")


def test_verify_looks_at_tombstones_and_at_older_generations(tmp_path):
    index = create(tmp_path / "i", records(*range(10)))
    index.delete(["d0"])
    index.delete(["d1"])
    [path, *_] = (tmp_path / "i" / "tombstones").iterdir()
    path.unlink()
    (tmp_path / "i" / "MANIFEST.1").write_bytes(b"nonsense")
    problems = Index.verify(tmp_path / "i").problems
    assert [part for part in (path.name, "MANIFEST.1") if not any(part in problem for problem in problems)] == []
    assert len(problems) == 2


def test_verify_finds_what_checksums_do_not(tmp_path):
    """A manifest that is whole, and says something that is not so."""
    create(tmp_path / "i", records(*range(5)))
    path = tmp_path / "i" / "MANIFEST"
    manifest = Manifest.from_bytes(path.read_bytes(), source="")
    [entry] = manifest.segments
    scores = tuple(score + 0.5 for score in entry.canary.scores)
    changed = dataclasses.replace(entry, canary=dataclasses.replace(entry.canary, scores=scores))
    path.write_bytes(dataclasses.replace(manifest, segments=(changed,)).to_bytes())
    [problem] = Index.verify(tmp_path / "i").problems
    assert "its canary query finds" in problem


def test_verify_of_what_is_no_index(tmp_path):
    with pytest.raises(IndexNotFound):
        Index.verify(tmp_path / "nowhere")


# Builds that are interrupted


class Broken(Exception):
    pass


def build(path, records_, *, fail_after=None, fingerprint=FINGERPRINT, **options):
    """A build as ``build_index`` does it, two documents a batch; returns the ids that had to be added."""
    added = []
    with Index.build(path, fingerprint, **options) as builder:
        for start in range(0, len(records_), 2):
            if start == fail_after:
                raise Broken
            pair = records_[start : start + 2]
            lacking = [r for r, held in zip(pair, builder.holds([r.document for r in pair]), strict=True) if not held]
            builder.add(batch(lacking))
            added += [r.document.id for r in lacking]
        builder.commit(reason="build")
    return added


@pytest.fixture
def small_checkpoints(monkeypatch):
    """What a build has written is safe after every four passages."""
    monkeypatch.setattr(IndexBuilder, "segment_passages", 4)


TEN = records(*range(10))


def interrupted(path, records_=TEN, *, fail_after=6, **options):
    with pytest.raises(Broken):
        build(path, records_, fail_after=fail_after, **options)


def test_a_build_that_fails_before_a_checkpoint_leaves_no_folder(tmp_path):
    interrupted(tmp_path / "i")
    assert not (tmp_path / "i").exists()
    (tmp_path / "empty").mkdir()
    interrupted(tmp_path / "empty")
    assert names_on_disk(tmp_path / "empty") == set()
    assert build(tmp_path / "empty", TEN) == [r.document.id for r in TEN]


def test_a_build_that_fails_after_a_checkpoint_can_be_continued(tmp_path, small_checkpoints):
    path = tmp_path / "i"
    interrupted(path)
    assert (path / "BUILDING").exists()
    with pytest.raises(IndexNotFound, match=r"not finished, with 4 documents; continue it .*--resume"):
        Index.open(path)
    assert build(path, TEN, resume=True) == [f"d{n}" for n in range(4, 10)]
    assert not (path / "BUILDING").exists()
    index, whole = Index.open(path), create(tmp_path / "whole", TEN)
    assert (index.generation, index.info().segments) == (1, 1)
    assert list(index.documents()) == list(whole.documents())
    assert_same_hits(hits_of(whole), hits_of(index))
    assert Index.verify(path).problems == ()
    assert len(names_on_disk(path)) == 1


def test_resume_where_nothing_was_begun_is_a_build(tmp_path, small_checkpoints):
    assert len(build(tmp_path / "i", TEN, resume=True)) == 10
    with pytest.raises(IndexExists, match="already holds an index"):
        build(tmp_path / "i", TEN, resume=True)


def test_resume_with_documents_that_changed_vanished_or_came_in_between(tmp_path, small_checkpoints):
    path = tmp_path / "i"
    interrupted(path)  # d0 to d3 are on disk
    now = [record(0), record(1, 5), *records(3, 20, 4, 21)]
    assert build(path, now, resume=True) == ["d1", "d20", "d4", "d21"]
    assert_same(Index.open(path), oracle_of(now))
    assert Index.verify(path).problems == ()


def test_resume_twice_with_documents_that_changed_each_time(tmp_path, small_checkpoints):
    """A deletion that one checkpoint has written down is not forgotten by the next."""
    path = tmp_path / "i"
    interrupted(path, fail_after=8)
    second = [*records(0, 1, version=1), *records(30, 31, 32, 33, 34, 35, 36, 37, 38, 39), *TEN[2:]]
    interrupted(path, second, fail_after=12, resume=True)
    third = [*records(0, 1, version=1), *records(30, 31), *TEN[2:]]
    build(path, third, resume=True)
    assert_same(Index.open(path), oracle_of(third))
    assert Index.verify(path).problems == ()


def test_a_resumed_build_still_refuses_an_id_that_comes_twice(tmp_path, small_checkpoints):
    path = tmp_path / "i"
    interrupted(path)
    with pytest.raises(DocumentError, match="the id 'd1' is there already"):
        build(path, [*TEN, record(1, 3)], resume=True)
    assert build(path, TEN, resume=True) == ["d8", "d9"]
    assert_same(Index.open(path), oracle_of(TEN))


def test_resume_with_another_model_or_chunking_is_refused(tmp_path, small_checkpoints):
    path = tmp_path / "i"
    interrupted(path, chunking=Chunking(8, 2))
    with pytest.raises(IndexModelMismatch, match="built with 'hash-encoder', which is not 'other-encoder'"):
        build(path, TEN, fingerprint=OTHER_MODEL, chunking=Chunking(8, 2), resume=True)
    for chunking in (None, Chunking(9, 2)):
        with pytest.raises(ArgumentError, match=r"split documents by Chunking\(max_tokens=8, overlap=2\), not by"):
            build(path, TEN, chunking=chunking, resume=True)
    assert len(build(path, TEN, chunking=Chunking(8, 2), resume=True)) == 6


def test_resume_of_an_overwrite_keeps_the_old_index_until_the_commit(tmp_path, small_checkpoints):
    path = tmp_path / "i"
    create(path, records(70, 71))
    interrupted(path, overwrite=True)
    assert_same(Index.open(path), oracle_of(records(70, 71)))
    Index.open(path).add([batch(records(72))])  # and its collection of garbage takes nothing from the build
    interrupted(path, resume=True)
    assert ids(Index.open(path)) == ["d70", "d71", "d72"]
    assert build(path, TEN, resume=True, overwrite=True) == [f"d{n}" for n in range(4, 10)]
    assert_same(Index.open(path), oracle_of(TEN))
    Index.open(path).rollback(2)
    assert ids(Index.open(path)) == ["d70", "d71", "d72"]


def test_an_unfinished_build_is_in_the_way_of_a_new_one_and_overwrite_discards_it(tmp_path, small_checkpoints):
    path = tmp_path / "i"
    interrupted(path)
    with pytest.raises(
        IndexExists,
        match="not finished, with 4 documents; continue it with resume=True, or start again with overwrite=True",
    ):
        build(path, TEN)
    assert len(build(path, TEN, overwrite=True)) == 10
    assert not (path / "BUILDING").exists()
    assert_same(Index.open(path), oracle_of(TEN))
    assert len(names_on_disk(path)) == 1


def test_a_damaged_checkpoint_is_an_error_that_names_it(tmp_path, small_checkpoints):
    interrupted(tmp_path / "i")
    (tmp_path / "i" / "BUILDING").write_bytes(b"nonsense")
    with pytest.raises(IndexCorrupt, match="BUILDING is damaged"):
        build(tmp_path / "i", TEN, resume=True)
    assert len(build(tmp_path / "i", TEN, overwrite=True)) == 10


def test_resume_may_choose_another_layout(tmp_path, small_checkpoints):
    interrupted(tmp_path / "i", layout=VectorLayout("SQ8"))
    assert len(build(tmp_path / "i", TEN, resume=True, layout=VectorLayout("Flat"))) == 6
    assert Index.open(tmp_path / "i").info().vectors.factory == "Flat"
    assert_same(Index.open(tmp_path / "i"), oracle_of(TEN))
