"""Publishing: a store has one generation as a whole, whatever fails, and whoever else publishes."""

import shutil
import threading

import obstore
import pytest
import xxhash
from bicross.errors import ArgumentError, BicrossError, IndexCorrupt, IndexNotFound, ObjectStoreError, PublishConflict
from bicross.index import Index, fetch, publish
from bicross.index.stores import publishing
from bicross.index.stores.publications import newest_publication, objects_of
from helpers.examples import some_of_each, thorough
from helpers.object_stores import URL, Died, ForgetfulObjects, MemoryObjects, StoreFault
from helpers.toy_collections import COLUMNS, FINGERPRINT, STORED, batch, record, seen


def records(*numbers):
    return [batch([record(number) for number in numbers], **COLUMNS)]


def made(path, *numbers):
    return Index.create(path, FINGERPRINT, batches=records(*numbers), **STORED)


def published(store, folder):
    """What a reader sees of a store."""
    fetch(store, folder)
    return seen(Index.open(folder))


def whole_manifest(store):
    """The manifest that a reader takes, when all its files are there with their bytes: what a copy checks."""
    newest = newest_publication(MemoryObjects(store.client))
    for name, (_, entry) in objects_of(newest.manifest).items():
        content = bytes(obstore.get(store.client, name).bytes())
        assert (len(content), xxhash.xxh3_128_hexdigest(content)) == (entry.bytes, entry.xxh3)
    return newest.content


@pytest.fixture
def index(tmp_path):
    return made(tmp_path / "index", *range(1, 21))


def test_a_published_index_is_what_the_folder_holds(index, tmp_path):
    store = MemoryObjects()
    first = publish(index.path, store)
    assert (first.url, first.generation, first.number, first.is_new) == (URL, 1, 1, True)
    assert first.uploaded_files == len(store.names("files"))
    assert store.names("probe") == set()
    assert published(store, tmp_path / "copy") == seen(index)


def test_only_what_the_store_lacks_is_uploaded(index, tmp_path):
    store = MemoryObjects()
    publish(index.path, store)
    again = publish(index.path, store)
    assert (again.is_new, again.number, again.uploaded_files, again.uploaded_bytes) == (False, 1, 0, 0)
    index.delete(["d2"])
    deleted = publish(index.path, store)
    assert (deleted.is_new, deleted.generation, deleted.number, deleted.uploaded_files) == (True, 2, 2, 1)
    assert published(store, tmp_path / "copy") == seen(index)


def test_an_index_with_a_quantiser_and_without_documents(tmp_path):
    from bicross.index import VectorLayout

    layout = VectorLayout(index_type="SQ8")
    index = Index.create(
        tmp_path / "coded", FINGERPRINT, batches=[batch([record(n) for n in range(40)])], layout=layout
    )
    store = MemoryObjects()
    publish(index.path, store)
    assert any(name.startswith("files/quantisers/") for name in store.names())
    assert published(store, tmp_path / "copy") == seen(index)
    empty = Index.create(tmp_path / "empty", FINGERPRINT)
    store = MemoryObjects()
    assert publish(empty.path, store).uploaded_files == 0
    fetch(store, tmp_path / "nothing")
    assert len(Index.open(tmp_path / "nothing")) == 0


def test_an_older_generation_can_be_published_unless_a_newer_one_is_there(index, tmp_path):
    before = seen(index)
    index.delete(["d1"])
    store = MemoryObjects()
    publish(index.path, store, generation=1)
    assert published(store, tmp_path / "copy") == before
    publish(index.path, store)
    with pytest.raises(PublishConflict, match="newer than 1: to go back, roll the index back and publish that"):
        publish(index.path, store, generation=1)
    index.rollback(1)
    assert publish(index.path, store).generation == 3
    assert published(store, tmp_path / "back") == before


def test_another_index_is_refused(index, tmp_path):
    store = MemoryObjects()
    publish(index.path, store)
    objects = store.names()
    other = made(tmp_path / "other", 70)
    with pytest.raises(PublishConflict, match=f"{URL} holds another index .*publish to another URL"):
        publish(other.path, store)
    assert store.names() == objects


def test_a_copy_that_was_changed_apart_is_refused(index, tmp_path):
    store = MemoryObjects()
    publish(index.path, store)
    shutil.copytree(index.path, tmp_path / "twin")
    twin = Index.open(tmp_path / "twin")
    twin.delete(["d1"])
    publish(twin.path, store)
    for _ in range(2):  # of the same number and of a higher one
        index.delete(["d2"])
        with pytest.raises(PublishConflict, match=r"generation 2 of this index, committed elsewhere.*would undo it"):
            publish(index.path, store)
    assert published(store, tmp_path / "copy") == seen(twin)
    # The way out that the error names.
    fetched = Index.open(tmp_path / "copy")
    fetched.delete(["d2"])
    assert publish(fetched.path, store).number == 3


def test_a_folder_that_is_behind_is_refused(index, tmp_path):
    store = MemoryObjects()
    shutil.copytree(index.path, tmp_path / "backup")
    index.delete(["d1"])
    publish(index.path, store)
    with pytest.raises(PublishConflict, match=r"holds generation 2 .*committed elsewhere"):
        publish(tmp_path / "backup", store)


def test_what_was_published_is_known_after_its_manifest_is_gone(index, tmp_path):
    store = MemoryObjects()
    publish(index.path, store)
    index.delete(["d1"])
    index.compact(grace=0)
    assert not (index.path / "MANIFEST.1").exists()
    assert publish(index.path, store).number == 2
    # Without the note it cannot be known, and a damaged note is as none.
    index.delete(["d2"])
    index.compact(grace=0)
    (index.path / "PUBLISHED").write_text('{"uuid": 3')
    with pytest.raises(PublishConflict, match="does not continue it"):
        publish(index.path, store)


def test_a_store_without_conditional_writes_is_refused(index):
    store = ForgetfulObjects()
    with pytest.raises(ObjectStoreError, match=r"an object be created that exists already.*If-None-Match"):
        publish(index.path, store)
    assert store.names() == set()


def test_damage_is_not_published(index):
    [file] = index.path.glob("segments/*/documents.arrow")
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.write_bytes(content)
    store = MemoryObjects()
    with pytest.raises(IndexCorrupt, match=r"documents.arrow is damaged"):
        publish(index.path, store)
    file.unlink()
    with pytest.raises(IndexCorrupt, match=r"documents.arrow is missing: either generation 1 was removed by"):
        publish(index.path, store)
    assert not any(name.startswith("MANIFEST") for name in store.names())


def test_publishing_again_mends_what_the_store_lost(index, tmp_path):
    store = MemoryObjects()
    publish(index.path, store)
    victim = min(store.names("files"))
    store.remove([victim])
    with pytest.raises(IndexCorrupt, match=f"{URL}/{victim} is missing, though MANIFEST.1 lists it: publish"):
        fetch(store, tmp_path / "broken")
    again = publish(index.path, store)
    assert (again.is_new, again.uploaded_files) == (False, 1)
    assert published(store, tmp_path / "copy") == seen(index)


def test_wrong_arguments_are_refused_before_the_store_is_asked(index, tmp_path):
    store = MemoryObjects()
    with pytest.raises(IndexNotFound, match="does not exist"):
        publish(tmp_path / "nowhere", store)
    with pytest.raises(ArgumentError, match="has no generation 9"):
        publish(index.path, store, generation=9)
    with pytest.raises(ArgumentError, match="grace must be a number from 3600 to"):
        publish(index.path, store, prune=True, grace=10)
    with pytest.raises(ArgumentError, match="keep must be at least 1"):
        publish(index.path, store, keep=0)
    assert store.calls == []


def test_a_fault_at_any_call_leaves_one_whole_generation(index, monkeypatch):
    monkeypatch.setattr(publishing, "THREADS", 1)  # so that every run makes the same calls
    start = MemoryObjects()
    publish(index.path, start)
    old = whole_manifest(start)
    index.delete(["d1"])
    index.add(records(24, 25))
    clean = start.copied()
    publish(index.path, clean)
    new = whole_manifest(clean)
    assert old != new == (index.path / "MANIFEST").read_bytes()
    cases = [(fault, number) for fault in StoreFault for number in range(1, len(clean.calls) + 1)]
    kinds = some_of_each(
        cases, lambda case: (case[0], clean.calls[case[1] - 1][:9]), most=None if thorough() else 1, seed=0
    )
    for fault, number in kinds:
        store = start.copied(fault, number)
        acknowledged = False
        try:
            publish(index.path, store)
            acknowledged = True
        except (BicrossError, Died):
            pass
        for_readers = whole_manifest(store)
        assert for_readers == new or (for_readers == old and not acknowledged), (fault, clean.calls[number - 1])
        mended = MemoryObjects(store.client)
        assert publish(index.path, mended).generation == index.generation
        assert whole_manifest(mended) == new


def test_a_commit_whose_answer_was_lost_counts(index):
    class Repeating(MemoryObjects):
        """Of a call that is repeated because its answer was lost, the second finds what the first made."""

        def create(self, name, content):
            super().create(name, content)
            return False

    store = Repeating()
    assert publish(index.path, store).generation == 1
    assert {name for name in store.names() if name.startswith("MANIFEST")} == {"MANIFEST.1"}


@pytest.mark.parametrize("forked", [True, False])
def test_of_eight_publishers_at_once_one_wins(index, tmp_path, forked):
    store = MemoryObjects()
    publish(index.path, store)
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"twin-{number}" if forked else index.path)
        if forked:
            shutil.copytree(index.path, paths[-1])
            Index.open(paths[-1]).add(records(30 + number))
    if not forked:
        index.add(records(30))
    start = threading.Barrier(8)
    outcomes = [None] * 8

    def run(number):
        mine = MemoryObjects(store.client)
        mine.before = lambda call: start.wait(10) if call == "create MANIFEST.2" else None
        try:
            outcomes[number] = publish(paths[number], mine)
        except BicrossError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [outcome for outcome in outcomes if isinstance(outcome, BicrossError)]
    winners = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BicrossError) and outcome.is_new]
    assert len(winners) == 1
    assert len(errors) == (7 if forked else 0)
    assert all(isinstance(error, PublishConflict) and "committed elsewhere" in str(error) for error in errors)
    assert published(store, tmp_path / "copy") == seen(Index.open(paths[winners[0]]))


def test_one_that_was_overtaken_publishes_after_the_other(index, tmp_path):
    """Its generation continues the one that came in between, which is of the same folder."""
    store, other = MemoryObjects(), None
    other = MemoryObjects(store.client)

    def overtake(call):
        if call == "create MANIFEST.1" and not other.calls:
            publish(index.path, other, generation=1)

    store.before = overtake
    index.delete(["d1"])
    done = publish(index.path, store)
    assert (done.number, done.generation) == (2, 2)
    assert published(store, tmp_path / "copy") == seen(index)
