"""Pruning removes what no reader and no other publisher can need, when it is asked to, and nothing else."""

import pytest
from bicross.errors import IndexCorrupt, ObjectStoreError
from bicross.index import Index, fetch, publish
from helpers.object_stores import MemoryObjects
from helpers.toy_collections import FINGERPRINT, batch, record, seen

HOUR = 3600.0


@pytest.fixture
def index(tmp_path):
    return Index.create(tmp_path / "index", FINGERPRINT, batches=[batch([record(number) for number in range(20)])])


@pytest.fixture
def store(index):
    """Five publications: each deletes a document, so each has a file of its own, and the last two a segment too."""
    store = MemoryObjects()
    publish(index.path, store)
    for number in range(3):
        index.delete([f"d{number}"])
        publish(index.path, store)
    index.compact(grace=0)
    publish(index.path, store)
    return store


def manifests(store):
    return sorted(name for name in store.names() if name.startswith("MANIFEST"))


def test_nothing_is_removed_unless_asked_and_nothing_that_is_young(store, index):
    objects = store.names()
    assert publish(index.path, store).removed_files == 0
    done = publish(index.path, store, prune=True, keep=1)
    assert (done.removed_publications, done.removed_files) == (0, 0)
    assert store.names() == objects


@pytest.mark.parametrize("keep", [1, 2, 9])
def test_old_publications_and_their_files_are_removed(store, index, tmp_path, keep):
    store.age = lambda name: 0 if name.startswith("probe") else 30 * HOUR
    done = publish(index.path, store, prune=True, keep=keep)
    assert manifests(store) == [f"MANIFEST.{number}" for number in range(max(1, 6 - keep), 6)]
    assert done.removed_publications == max(0, 5 - keep)
    assert bool(done.removed_files) == (keep < 5)
    fetch(store, tmp_path / "copy")
    assert seen(Index.open(tmp_path / "copy")) == seen(index)
    if keep == 2:  # what stays can be copied, too
        store.remove(["MANIFEST.5"])
        fetch(store, tmp_path / "older")
        assert Index.open(tmp_path / "older").generation == 4


def test_a_publication_stays_for_the_grace_time_after_the_next_one(store, index):
    ages = {"MANIFEST.1": 99, "MANIFEST.2": 50, "MANIFEST.3": 23, "MANIFEST.4": 2, "MANIFEST.5": 1}
    store.age = lambda name: HOUR * ages.get(name, 60 if name.startswith("files") else 0)
    assert publish(index.path, store, prune=True, keep=1).removed_publications == 1
    assert manifests(store) == ["MANIFEST.2", "MANIFEST.3", "MANIFEST.4", "MANIFEST.5"]
    assert publish(index.path, store, prune=True, keep=1, grace=2 * HOUR).removed_publications == 2
    assert manifests(store) == ["MANIFEST.4", "MANIFEST.5"]


def test_what_a_dead_publisher_left_is_removed_after_the_grace_time(store, index):
    store.create("files/segments/gone/documents.arrow.0123", b"x")
    store.create("probe/left", b"x")
    store.create("notes.txt", b"somebody's own")
    store.age = lambda name: 2 * HOUR if "gone" in name or "left" in name else 0
    assert publish(index.path, store, prune=True).removed_files == 0
    assert publish(index.path, store, prune=True, grace=HOUR).removed_files == 1
    assert {"files/segments/gone/documents.arrow.0123", "probe/left"}.isdisjoint(store.names())
    assert "notes.txt" in store.names()


def test_nothing_is_removed_where_a_manifest_cannot_be_read(store, index):
    store.age = lambda name: 0 if name.startswith("probe") else 30 * HOUR
    store.altered = lambda name, content: content[:-9] if name == "MANIFEST.4" else content
    objects = store.names()
    with pytest.raises(IndexCorrupt, match=r"MANIFEST\.4 is damaged"):
        publish(index.path, store, prune=True, keep=2)
    assert store.names() == objects


def test_a_file_that_could_be_pruned_is_uploaded_again_before_it_is_listed(index, tmp_path):
    """No publication lists it, and it is old: another publisher may be removing it."""
    store = MemoryObjects()
    publish(index.path, store)
    store.remove(["MANIFEST.1"])
    assert publish(index.path, store).uploaded_files == 0
    store.remove(["MANIFEST.1"])
    store.age = lambda name: HOUR if name.startswith("files") else 0
    assert publish(index.path, store).uploaded_files == len(store.names("files"))


def test_files_that_are_removed_during_a_publication(index, tmp_path):
    store, prune = MemoryObjects(), MemoryObjects()
    prune = MemoryObjects(store.client)
    removed = []

    def remove_once(call):
        if call.startswith("below files") and store.calls.count("below files/") == 1 and not removed:
            removed.extend(sorted(prune.names("files"))[:2])
            prune.remove(removed)

    store.before = remove_once
    publish(index.path, store)
    assert len(removed) == 2
    fetch(store, tmp_path / "copy")
    # In the last moment, nobody can prevent it, and both sides say so.
    index.delete(["d1"])
    store.before = lambda call: prune.remove(sorted(prune.names("files"))[:1]) if call == "create MANIFEST.2" else None
    with pytest.raises(ObjectStoreError, match=r"1 of its files were removed by another process .*publish again"):
        publish(index.path, store)
    store.before = lambda call: None
    assert publish(index.path, store).uploaded_files == 1


def test_a_pruner_that_removed_what_was_published_meanwhile_says_so(store, index):
    store.age = lambda name: 0 if name.startswith("probe") else 30 * HOUR
    doomed = store.names("files")
    index.rollback(index.generation)
    other = MemoryObjects(store.client)
    oldest = bytes(other.read("MANIFEST.1"))
    store.before = lambda call: other.create("MANIFEST.7", oldest) if call == "remove MANIFEST.1" else None
    with pytest.raises(ObjectStoreError, match=r"MANIFEST.7 was published while old files were .*publish it"):
        publish(index.path, store, prune=True, keep=1)
    assert doomed - store.names("files")


def test_a_publisher_that_slept_for_too_long_does_not_count(index, monkeypatch):
    """Its number was published by another, and pruned, while it slept: to create it again is no commit."""
    from bicross.errors import PublishConflict
    from bicross.index.stores import publishing

    store = MemoryObjects()
    publish(index.path, store)
    index.delete(["d1"])
    other = MemoryObjects(store.client)
    content = other.read("MANIFEST.1")

    def overtake(call):
        if call == "create MANIFEST.2":
            other.create("MANIFEST.9", content)

    store.before = overtake
    monkeypatch.setattr(publishing, "FRESH_SECONDS", -1.0)
    with pytest.raises(PublishConflict, match="seconds to answer, and others have published"):
        publish(index.path, store)
