"""An index has no more segments than can be opened; a compaction merges more."""

import dataclasses

import pytest
from bicross.errors import IndexNotFound, IndexStoreError
from bicross.index import Index
from bicross.index.files import Filesystem, writing
from bicross.index.manifest import MOST_SEGMENTS
from bicross.index.segments import COLUMNS
from bicross.index.writing import IndexBuilder, commit, read_manifest
from helpers.toy_collections import FINGERPRINT, assert_same, batch, oracle_of, record

SEGMENTS = 5


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An index of five segments with a deletion, which no commit merges."""
    monkeypatch.setattr("bicross.index.collection.segments_to_merge", lambda manifest: [])
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch([record(0), record(100)])])
    for number in range(1, SEGMENTS):
        index.add([batch([record(number)])])
    index.delete(["d100"])
    assert index.info().segments == SEGMENTS
    return tmp_path / "i"


ORACLE = oracle_of(record(number) for number in range(SEGMENTS))


def limit(monkeypatch, most):
    monkeypatch.setattr("bicross.index.writing.generations.MOST_SEGMENTS", most)
    monkeypatch.setattr("bicross.index.writing.compaction.MOST_SEGMENTS", most)


def test_a_full_index_takes_no_more_and_says_so_before_a_document_is_read(path, monkeypatch):
    limit(monkeypatch, SEGMENTS)
    index = Index.open(path)
    asked = []
    batches = (asked.append(1) or batch([record(9)]) for _ in range(1))
    with pytest.raises(IndexStoreError) as refused:
        index.add(batches)
    assert str(refused.value) == (
        f"{path}: 6 segments are more than the 5 that an index can have; merge them first: "
        f"`bicross compact {path}`, or Index.compacted({str(path)!r})"
    )
    with pytest.raises(IndexStoreError, match="6 segments are more than the 5"):
        index.upsert(batches)
    assert not asked
    assert_same(index, ORACLE)
    assert index.delete(["d4"]) == 1, "a deletion makes no segment"
    index.set_settings({"x": 1})
    index.compact()
    assert index.add([batch([record(4)])]) == 1
    assert_same(Index.open(path), ORACLE)


def test_a_writer_that_would_make_too_many_is_stopped_and_leaves_the_index_as_it_was(path, monkeypatch):
    limit(monkeypatch, SEGMENTS + 1)
    index = Index.open(path)
    with pytest.raises(IndexStoreError, match="7 segments are more than the 6"), index.writer() as writer:
        writer.segment_passages = 1
        for number in (7, 8):
            writer.add(batch([record(number)]))
    assert_same(Index.open(path), ORACLE)
    assert Index.verify(path).problems == ()


def test_a_commit_never_makes_an_index_that_cannot_be_opened(path, monkeypatch):
    limit(monkeypatch, SEGMENTS)
    newest = read_manifest(path)
    more = dataclasses.replace(newest, segments=(*newest.segments, newest.segments[0]))
    with writing(path, Filesystem()), pytest.raises(IndexStoreError, match="6 segments are more"):
        commit(path, more, Filesystem(), reason="test")
    assert read_manifest(path) == newest


@pytest.mark.parametrize("most", [1, 2, 4])
def test_too_many_are_not_opened_and_can_be_compacted(path, monkeypatch, most):
    limit(monkeypatch, most)
    with pytest.raises(IndexStoreError, match=f"5 segments are more than the {most} .* `bicross compact {path}`"):
        Index.open(path)
    compacted = Index.compacted(path, grace=0)
    assert compacted.info().segments == 1
    assert_same(compacted, ORACLE)
    assert_same(Index.open(path), ORACLE)
    assert Index.verify(path).problems == ()


def test_a_build_may_make_more_segments_than_an_index_may_have(tmp_path, monkeypatch):
    limit(monkeypatch, 2)
    monkeypatch.setattr(IndexBuilder, "segment_passages", 1)
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[batch([r]) for r in ORACLE.values()])
    assert index.info().segments == 1
    assert_same(index, ORACLE)


def test_where_no_index_is_nothing_is_made(tmp_path):
    with pytest.raises(IndexNotFound, match="does not exist; build one"):
        Index.compacted(tmp_path / "i")
    assert not (tmp_path / "i").exists()


def test_maps_of_two_generations_are_fewer_than_linux_gives_a_process():
    assert 2 * (5 + len(COLUMNS)) * MOST_SEGMENTS < 60_000, "libraries of the process are mapped too"
