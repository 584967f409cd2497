"""An index that is opened by its URL: a whole generation or an error, copied once, and never changed."""

import os
import socket
import time

import bicross.index.stores.object_store as object_store
import numpy as np
import pytest
from bicross.errors import (
    ArgumentError,
    BicrossError,
    IndexCorrupt,
    IndexExists,
    IndexModelMismatch,
    IndexNotFound,
    IndexReadOnly,
    ObjectStoreError,
)
from bicross.index import Index, fetch, publish
from bicross.index.stores import ObjectStore, Origin, cache, empty_cache
from helpers.examples import examples, some_of_each, thorough
from helpers.object_stores import URL, Died, MemoryObjects, StoreFault
from helpers.toy_collections import COLUMNS, FINGERPRINT, STORED, Oracle, assert_same, batch, record, seen
from helpers.wrong_values import WRONG, is_answered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def records(*numbers):
    return [batch([record(number) for number in numbers], **COLUMNS)]


@pytest.fixture
def index(tmp_path):
    return Index.create(
        tmp_path / "index",
        FINGERPRINT,
        batches=records(*range(20)),
        **STORED,
    )


@pytest.fixture(autouse=True)
def copies(tmp_path, monkeypatch):
    monkeypatch.setenv("BICROSS_STORE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def url(index, tmp_path):
    """A store on disk that has the index."""
    url = f"file://{tmp_path}/store/a b"
    publish(index.path, url.replace(" ", "%20"))
    return url.replace(" ", "%20")


def test_an_index_is_opened_by_its_url(index, url):
    opened = Index.open(url, model=FINGERPRINT)
    assert seen(opened) == seen(index)
    assert (opened.url, index.url) == (url, None)
    assert Index.open(url + "/").path == opened.path


def test_an_index_of_another_model_is_refused(url):
    from dataclasses import replace

    with pytest.raises(IndexModelMismatch, match="max_length"):
        Index.open(url, model=replace(FINGERPRINT, max_length=7))


def test_refresh_moves_to_what_was_published_since(index, url):
    opened = Index.open(url)
    before = seen(opened)
    assert not opened.refresh()
    index.delete(["d3"])
    assert not opened.refresh()
    publish(index.path, url)
    pinned = opened.pinned()
    assert opened.refresh()
    assert not opened.refresh()
    assert seen(opened) == seen(index)
    assert seen(pinned) == before


CHANGES = {
    "add": lambda index: index.add(records(77)),
    "upsert": lambda index: index.upsert(records(77)),
    "delete": lambda index: index.delete(["d1"]),
    "compact": lambda index: index.compact(),
    "rollback": lambda index: index.rollback(1),
    "set_settings": lambda index: index.set_settings({}),
    "retokenize": lambda index: index.retokenize("a" * 64, lambda texts: [np.zeros(1, np.uint16) for _ in texts]),
    "index_terms": lambda index: index.index_terms("other", lambda texts: [["a"] for _ in texts]),
    "precompute": lambda index: index.precompute("a" * 64, lambda texts: [np.zeros((1, 2), np.int8) for _ in texts]),
    "drop_token_vectors": lambda index: index.drop_token_vectors(),
    "require_changeable": lambda index: index.require_changeable(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_cannot_be_changed_from_here(url, change):
    opened = Index.open(url)
    for each in (opened, Index.open(opened.path)):  # the folder of the copy is no index to change either
        with pytest.raises(IndexReadOnly, match=r"is read only: .*bicross publish INDEX .*bicross fetch copies it"):
            CHANGES[change](each)
    assert opened.generation == Index.open(url).generation == 1


def test_a_fetched_index_can_be_changed_and_published(index, url, tmp_path):
    assert fetch(url, tmp_path / "mine") == 1
    mine = Index.open(tmp_path / "mine")
    assert mine.url is None
    mine.delete(["d5"])
    assert Index.verify(mine.path).problems == ()
    assert publish(mine.path, url).number == 2
    with pytest.raises(IndexExists, match="already holds an index"):
        fetch(url, mine.path)


def test_each_file_is_copied_once(index):
    store = MemoryObjects()
    publish(index.path, store)
    store.calls.clear()
    first = Origin(store)
    first.copy()
    files = [call for call in store.calls if call.startswith("read files")]
    assert len(files) == len(set(files)) == len(store.names("files"))
    Origin(store).copy()
    index.delete(["d1"])
    publish(index.path, MemoryObjects(store.client))
    first.copy()
    assert len([call for call in store.calls if call.startswith("read files")]) == len(files) + 1
    store.calls.clear()
    first.copy()
    assert store.calls == ["top"]


def damaged(kind, content):
    return {
        "flipped": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        "truncated": content[:-1],
        "empty": b"",
        "longer": content + b"\0",
    }[kind]


@pytest.mark.parametrize("kind", ["flipped", "truncated", "empty", "longer"])
def test_a_damaged_object_is_an_error_that_names_it(index, tmp_path, kind):
    store = MemoryObjects()
    publish(index.path, store)
    # Every object in a thorough run would add nothing: they are all copied by the same function.
    for name in sorted(store.names())[:: 1 if kind == "truncated" else 3]:
        store.altered = lambda read, content, name=name: damaged(kind, content) if read == name else content
        folder = tmp_path / name.replace("/", "-")
        with pytest.raises(IndexCorrupt, match=f"{URL}/{name}"):
            fetch(store, folder)
        assert not (folder / "MANIFEST").exists()
        assert not list(folder.rglob("*.part"))
    store.altered = lambda read, content: content
    fetch(store, folder)  # what was copied is used
    assert seen(Index.open(folder)) == seen(index)


def test_after_a_fault_at_any_call_the_copy_goes_on(index, tmp_path, monkeypatch):
    from bicross.index.stores import copying

    monkeypatch.setattr(copying, "THREADS", 1)
    start = MemoryObjects()
    publish(index.path, start)
    start.calls.clear()
    fetch(start, tmp_path / "clean")
    cases = [(fault, number) for fault in StoreFault for number in range(1, len(start.calls) + 1)]
    few = some_of_each(
        cases, lambda case: (case[0], start.calls[case[1] - 1][:9]), most=None if thorough() else 1, seed=0
    )
    for fault, number in few:
        folder = tmp_path / f"{fault.name}-{number}"
        with pytest.raises((BicrossError, Died)):
            fetch(MemoryObjects(start.client, fault, number), folder)
        with pytest.raises(IndexNotFound):
            Index.open(folder)
        fetch(start, folder)
        assert seen(Index.open(folder)) == seen(index)


def test_large_files_come_in_parts(index, tmp_path, monkeypatch):
    from bicross.index.stores import copying

    monkeypatch.setattr(copying, "PART_BYTES", 100)
    store = MemoryObjects()
    publish(index.path, store)
    fetch(store, tmp_path / "copy")
    assert seen(Index.open(tmp_path / "copy")) == seen(index)
    name = max(store.names("files"))
    for altered in (lambda content: content[:150], lambda content: content + b"more"):
        store.altered = lambda read, content, altered=altered: altered(content) if read == name else content
        with pytest.raises(IndexCorrupt, match=f"{name} is damaged"):
            fetch(store, tmp_path / f"damaged-{len(store.calls)}")


def test_a_publication_that_is_pruned_while_it_is_copied(index, tmp_path):
    store = MemoryObjects()
    publish(index.path, store)
    old = store.names()
    index.compact(grace=0)
    index.delete(["d1", "d2"])
    index.compact(grace=0)
    other = MemoryObjects(store.client)

    def supersede(call):
        if call.startswith("read files") and not other.calls:
            publish(index.path, other)
            other.remove(old)

    store.before = supersede
    assert fetch(store, tmp_path / "copy") == index.generation
    assert seen(Index.open(tmp_path / "copy")) == seen(index)


def test_a_copy_that_was_damaged_here_is_mended(index, url):
    opened = Index.open(url)
    [file] = opened.path.glob("segments/*/documents.arrow")
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.unlink()  # the open index has it still
    file.write_bytes(content)
    (opened.path / "tombstones").rmdir()
    assert seen(Index.open(url)) == seen(index)
    (opened.path / "MANIFEST").write_bytes(b"{}")
    assert seen(Index.open(url)) == seen(index)


def test_superseded_files_go_after_a_while(index, url):
    opened = Index.open(url)

    def files():
        return {path.name for path in opened.path.glob("segments/*")}

    first = files()
    index.delete([f"d{number}" for number in range(10)])  # which makes another segment
    publish(index.path, url)
    opened.refresh()
    assert first < files()
    os.utime(opened.path / "MANIFEST", (0, time.time() - cache.GRACE_SECONDS - 60))
    index.delete(["d19"])
    publish(index.path, url)
    opened.refresh()
    assert not any(opened.path.joinpath("segments", name).joinpath("documents.arrow").exists() for name in first)
    assert seen(Index.open(url)) == seen(index)


def test_copies_are_removed_when_they_take_too_much_and_nobody_uses_them(index, tmp_path, copies, monkeypatch):
    urls = [f"file://{tmp_path}/store/{number}" for number in range(3)]
    for each in urls:
        publish(index.path, each)
    held = Index.open(urls[0])
    unused = Index.open(urls[1]).path
    os.utime(unused / "COPY", (0, 1))
    monkeypatch.setenv("BICROSS_STORE_CACHE_GB", "0")
    last = Index.open(urls[2])
    assert not (unused / "MANIFEST").exists()
    assert (held.path / "MANIFEST").exists()
    assert seen(last) == seen(Index.open(urls[1])) == seen(held)
    del held, last
    assert empty_cache() > 0
    assert not list(copies.glob("*/MANIFEST"))
    assert seen(Index.open(urls[0])) == seen(index)


def test_what_dead_processes_held_is_cleaned_up(url):
    first = Index.open(url)
    (first.path / "in-use" / "12345-of-a-dead-process").touch()
    second = Index.open(url)
    assert len(list((first.path / "in-use").iterdir())) == 2
    del first, second
    third = Index.open(url)
    assert len(list((third.path / "in-use").iterdir())) == 1


def test_a_limit_that_is_no_number_is_refused(url, monkeypatch):
    for value in ("many", "-1", "inf"):
        monkeypatch.setenv("BICROSS_STORE_CACHE_GB", value)
        with pytest.raises(ArgumentError, match=f"BICROSS_STORE_CACHE_GB must be a number .* not '{value}'"):
            Index.open(url)


def test_a_folder_for_copies_that_cannot_be_made(url, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BICROSS_STORE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ObjectStoreError, match=r"cannot be written to .*set BICROSS_STORE_CACHE"):
        Index.open(url)


@pytest.mark.parametrize("argument", ["path", "url", "generation", "prune", "keep", "grace"])
def test_publishing_with_wrong_types(index, url, argument):
    right = {"path": index.path, "url": url, "generation": 1, "prune": True, "keep": 3, "grace": 3600.0}
    assert is_answered(publish, right)
    for make in WRONG.values():
        is_answered(publish, right | {argument: make()})


def test_fetching_with_wrong_types(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_answered(fetch, {"url": url, "path": "right"})
    for make in WRONG.values():
        assert not is_answered(fetch, {"url": make(), "path": "wrong"})
        is_answered(fetch, {"url": url, "path": make()})


WRONG_URLS = {
    "s3://": "names no bucket",
    "file:///": "names no folder",
    "file://host/folder": "names a machine, 'host'",
    "https://example.org/index": "must begin with one of s3, ",
    "s3://user:secret@bucket/index": "has a user, a query or a fragment",
    "s3://bucket/index?key=secret": "has a user, a query or a fragment",
    "s3://bucket/a/../b": "has parts that no folder in a store has",
    "s3://bucket/a\nb": "has parts that no folder in a store has",
    "s3://[bucket": "is not a URL that can be read",
}


@pytest.mark.parametrize("url", WRONG_URLS)
def test_wrong_urls_are_refused(index, url):
    for call in (Index.open, lambda url: publish(index.path, url), lambda url: fetch(url, "copy")):
        with pytest.raises(ArgumentError, match=f"url {WRONG_URLS[url]}") as refused:
            call(url)
        assert "secret" not in str(refused.value)


def test_a_path_is_no_url_and_a_url_no_path(index, tmp_path):
    with pytest.raises(ArgumentError, match="url must be the URL of a folder in a store, such as s3://"):
        publish(index.path, str(tmp_path / "store"))
    for path in ("s3://bucket/index", type(tmp_path)("s3://bucket/index")):
        with pytest.raises(ArgumentError, match=r"of this machine, not the URL.*as text and not as a Path"):
            Index.verify(path)
        with pytest.raises(ArgumentError, match="of this machine, not the URL"):
            fetch("file:///nowhere", path)


def test_a_url_where_nothing_is(tmp_path):
    with pytest.raises(ObjectStoreError, match="the store did not open: there is no such folder"):
        Index.open(f"file://{tmp_path}/missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(IndexNotFound, match=r"no index is published at .*empty.* `bicross publish INDEX"):
        Index.open(f"file://{tmp_path}/empty")


def test_a_store_that_does_not_answer_is_an_error_in_time(monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for name, value in {
        "AWS_ENDPOINT": address,
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "key",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(object_store, "RETRIES", 0)
    with pytest.raises(ObjectStoreError, match="s3://bucket/index: the store did not list it: check the address"):
        Index.open("s3://bucket/index")


def test_errors_of_stores_name_the_remedy():
    for message, remedy in {
        "404: <Code>NoSuchBucket</Code>": "there is no such bucket",
        "403 Forbidden <Code>AccessDenied</Code>": "give credentials that may do that",
        "Generic MicrosoftAzure error: Account must be specified": "give credentials",
        "HTTP error: builder error": "AWS_ALLOW_HTTP=true",
        "Server returned 503\n\nDebug source: Retry {": "check the address and the network, and try again",
    }.items():
        error = str(object_store.store_error(URL, "list it", message))
        assert error.startswith(f"{URL}: the store did not list it: ")
        assert remedy in error
        assert "Debug source" not in error


def test_obstore_is_asked_for_where_it_is_missing(monkeypatch):
    import sys

    from bicross.errors import MissingPackage

    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(MissingPackage, match=r"pip install 'bicross\[stores\]'"):
        ObjectStore("s3://bucket/index")


CHANGE = st.one_of(
    st.tuples(st.just("upsert"), st.sets(st.integers(0, 12), min_size=1, max_size=4)),
    st.tuples(st.just("delete"), st.sets(st.integers(0, 12), max_size=4)),
    st.tuples(st.just("compact"), st.just(())),
    st.tuples(st.just("publish"), st.booleans()),
)


@settings(max_examples=examples(16), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGE, max_size=6))
def test_after_any_changes_a_url_opens_what_was_published(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("random")
    index, url = Index.create(folder / "index", FINGERPRINT), f"file://{folder}/store"
    publish(index.path, url)
    reader, oracle, version = Index.open(url), Oracle(), 0
    for kind, value in [*changes, ("publish", True)]:
        if kind == "upsert":
            version += 1
            new = [record(number, version) for number in sorted(value)]
            index.upsert([batch(new)])
            oracle.update({each.document.id: each for each in new})
        elif kind == "delete":
            index.delete([f"d{number}" for number in value])
            for number in value:
                oracle.pop(f"d{number}", None)
        elif kind == "compact":
            index.compact(grace=0)
        else:
            publish(index.path, url, prune=value)
            reader.refresh()
            assert_same(reader, oracle)
            assert reader.generation == index.generation
    assert_same(Index.open(url), oracle)
