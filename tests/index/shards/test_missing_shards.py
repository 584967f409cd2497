"""A shard that does not answer is an error, unless the search may go on without it, and then the coverage says so."""

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt, IndexModelMismatch, ShardsUnavailable
from bicross.index import Coverage, Index, ShardedIndex
from bicross.index.shards import GenerationKey, Shard
from helpers.fakes import HashEncoder
from helpers.local_shards import LocalShards
from helpers.toy_collections import ANALYZER, FINGERPRINT, batch, record, unit_vectors

VECTORS = unit_vectors(2, seed=1)
TERMS = [["t1"], ["t2"]]


@pytest.fixture
def index(tmp_path) -> Index:
    index = Index.create(
        tmp_path / "index", FINGERPRINT, batches=[batch([record(n) for n in range(4)], terms=True)], analyzer=ANALYZER
    )
    for first in (4, 8):
        index.add([batch([record(n) for n in range(first, first + 4)], terms=True)])
    index.delete(["d5"])
    return index


@pytest.fixture
def shards(index) -> LocalShards:
    return LocalShards(index.path, 3)


SEARCHES = {
    "search": lambda index: index.search(VECTORS, 20),
    "search with a filter": lambda index: index.search(VECTORS, 20, where="number >= 0"),
    "search_terms": lambda index: index.search_terms(TERMS, 20),
    "search_both": lambda index: index.search_both(VECTORS, TERMS, 20),
    "neighbours": lambda index: index.neighbours(["d0"], 20),
}
NOT_SEARCHES = {
    "get": lambda index: index.get(["d0"]),
    "passages": lambda index: index.passages(["d0"]),
    "count": lambda index: index.count("number >= 0"),
    "sample": lambda index: index.sample(100),
    "fields": lambda index: index.fields(),
}


@pytest.mark.parametrize("name", [*SEARCHES, *NOT_SEARCHES])
def test_a_lost_shard_is_an_error_that_names_it(index, shards, name):
    parts = ShardedIndex(index.path, shards)
    shards.lost = {1}
    with pytest.raises(ShardsUnavailable, match=r"shard 1 of 3 cannot answer \(1: it is lost\)") as caught:
        (SEARCHES | NOT_SEARCHES)[name](parts)
    assert caught.value.shards == (1,)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_partial_search_finds_the_rest_and_says_so(index, shards, name):
    parts = ShardedIndex(index.path, shards)
    shards.lost = {1}
    search = parts.partial()
    found = SEARCHES[name](search)
    whole = SEARCHES[name](index)
    rest = [[hit.document.id for hit in hits if hit.document.id not in ("d4", "d6", "d7")] for hits in whole]
    assert [sorted(hit.document.id for hit in hits) for hits in found] == [sorted(ids) for ids in rest]
    assert search.coverage == Coverage(3, (1,), 8, 11)
    assert not search.coverage.complete
    assert parts.coverage == Coverage(3, (), 11, 11)
    assert parts.coverage.complete


@pytest.mark.parametrize("name", NOT_SEARCHES)
def test_only_searches_are_partial(index, shards, name):
    parts = ShardedIndex(index.path, shards)
    shards.lost = {1}
    with pytest.raises(ShardsUnavailable):
        NOT_SEARCHES[name](parts.partial())


def test_what_is_missing_in_a_part_of_a_search_is_missing_in_all_of_it(index, shards):
    search = ShardedIndex(index.path, shards).partial()
    shards.lost = {2}
    search.pinned().pinned().search(VECTORS, 3)
    assert search.coverage.missing == (2,)
    shards.lost.clear()
    asked = len(shards.asked)
    search.search(VECTORS, 20)  # a search does not mix answers with and without a shard
    assert len(shards.asked) == asked + 4
    assert search.partial().coverage.complete  # the next search asks again


def test_documents_that_a_missing_shard_may_have_are_an_error(index, shards):
    search = ShardedIndex(index.path, shards).partial()
    shards.lost = {1}
    with pytest.raises(ShardsUnavailable, match="it may have the document 'd4'"):
        search.vectors(["d0", "d4"])
    with pytest.raises(ShardsUnavailable, match="it may have the document 'd4'"):
        search.term_scores(["d4"], ["t1"])
    with pytest.raises(ShardsUnavailable, match="it may have the document 'd4'"):
        search.neighbours(["d4"], 2)


def test_no_shard_at_all_is_an_error_of_a_partial_search_too(index, shards):
    search = ShardedIndex(index.path, shards).partial()
    shards.lost = {0, 1, 2}
    for _ in range(2):
        with pytest.raises(ShardsUnavailable, match="shards 0, 1, 2 of 3 cannot answer"):
            search.search(VECTORS, 3)


def test_a_shard_that_cannot_be_opened_is_an_error(index, shards):
    shards.lost = {0}
    with pytest.raises(ShardsUnavailable, match="shard 0 of 3 cannot answer"):
        ShardedIndex(index.path, shards)


def test_all_shards_move_to_a_generation_or_none(index, shards):
    parts = ShardedIndex(index.path, shards)
    generation, pinned, before = parts.generation, parts.pinned(), parts.search(VECTORS, 20)
    assert not parts.refresh()
    index.delete(["d0"])
    shards.lost = {2}
    with pytest.raises(ShardsUnavailable):
        parts.refresh()
    assert parts.generation == generation
    shards.lost.clear()
    assert parts.search(VECTORS, 20) == before
    assert parts.refresh()
    assert parts.generation == index.generation
    assert parts.search(VECTORS, 20) == index.search(VECTORS, 20)
    assert pinned.search(VECTORS, 20) == before


def test_another_model_is_not_searched(index, shards):
    parts = ShardedIndex(index.path, shards)
    Index.create(index.path, HashEncoder(dimension=8, name="other").fingerprint, overwrite=True)
    with pytest.raises(IndexModelMismatch, match="was built with 'other'"):
        parts.refresh()


def test_documents_are_listed_and_changed_elsewhere(index, shards):
    parts = ShardedIndex(index.path, shards)
    refused = [
        lambda: list(parts.documents()),
        lambda: list(parts.ids()),
        lambda: list(parts.embedded_documents()),
        lambda: parts.comparison(),
        lambda: parts.add([batch([record(100)], terms=True)]),
        lambda: parts.delete(["d0"]),
        lambda: parts.rollback(1),
    ]
    for call in refused:
        with pytest.raises(ArgumentError, match=r"are open in shards, .*open it with Index.open"):
            call()
    with pytest.raises(ArgumentError, match="shards find the k nearest neighbours: give k"):
        parts.neighbours(["d0"], threshold=0.5)
    assert Index.open(index.path).generation == index.generation
    parts.set_settings({"a": 1})
    assert parts.generation == index.generation + 1
    assert parts.settings == {"a": 1}


def test_an_index_in_shards_needs_shards(index):
    with pytest.raises(ArgumentError, match=r"ShardedIndex.open knows no shards: give them"):
        ShardedIndex.open(index.path)


@pytest.mark.parametrize("seconds", [0, -1, "1", None])
def test_a_time_limit_must_be_one(index, shards, seconds):
    with pytest.raises(ArgumentError, match="seconds must be"):
        ShardedIndex(index.path, shards, seconds=seconds)


def test_a_shard_that_starts_anew_opens_what_it_is_asked_for(index):
    old = GenerationKey.of(index._snapshot.manifest)
    index.delete(["d0"])
    shard = Shard(str(index.path), 0, 3)

    class Documents:
        def of(self, part):
            return len(part.snapshot)

    assert shard.answer(old, Documents()) == 4
    assert shard.answer(GenerationKey.of(index._snapshot.manifest), Documents()) == 3
    with pytest.raises(IndexCorrupt, match="has another generation"):
        shard.answer(GenerationKey(old.number, "0" * 32), Documents())
    with pytest.raises(IndexCorrupt, match="has no generation 99"):
        shard.open(GenerationKey(99, old.checksum))


def test_a_damaged_part_is_found_when_it_is_opened(index, caplog):
    key = GenerationKey.of(index._snapshot.manifest)
    file = index.path / "segments" / index._snapshot.manifest.segments[1].name / "vectors.faiss"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    Shard(str(index.path), 0, 3).open(key)
    shard = Shard(str(index.path), 1, 3)
    with pytest.raises(IndexCorrupt, match="checksum"):
        shard.open(key)
    file.unlink()
    assert "could not be opened" not in caplog.text
    Shard(str(index.path), 1, 3)
    assert "shard 1 of" in caplog.text
    assert "could not be opened" in caplog.text


def test_a_shard_keeps_the_last_generations_alone(index):
    shard = Shard(str(index.path), 0, 1)
    for number in range(5):
        index.set_settings({"number": number})
        shard.open(GenerationKey.of(index._snapshot.manifest))
    assert len(shard._parts) == 3
    assert len(shard._verified) <= 3


def test_vectors_of_another_shape_are_refused_before_anything_is_asked(index, shards):
    parts = ShardedIndex(index.path, shards)
    shards.asked.clear()
    with pytest.raises(ArgumentError, match="the index holds vectors of 16 dimensions"):
        parts.search(np.zeros((1, 3), np.float32), 3)
    with pytest.raises(ArgumentError, match="not finite"):
        parts.search_both(np.full((1, 16), np.nan, np.float32), [["t1"]], 3)
    with pytest.raises(ArgumentError, match="1 query vectors and 2 lists"):
        parts.search_both(VECTORS[:1], TERMS, 3)
    assert shards.asked == []
