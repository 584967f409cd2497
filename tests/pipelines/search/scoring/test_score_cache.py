import threading
import tracemalloc
from collections import OrderedDict

import pytest
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.pipelines import CacheUse, ScoreCache, SearchPipeline, build_index, upsert_documents
from bicross.pipelines.search.scoring.score_cache import ENTRY_BYTES, pair_key
from bicross.retrieval import DenseRetriever
from helpers.fakes import HashEncoder, OverlapReranker
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(deadline=None)
@given(entries=st.integers(1, 5), steps=st.lists(st.tuples(st.booleans(), st.integers(0, 7)), max_size=60))
def test_it_is_a_least_recently_used_cache(entries, steps):
    cache, model = ScoreCache(entries * ENTRY_BYTES), OrderedDict()
    hits = misses = 0
    for writes, number in steps:
        key = bytes([number])
        if writes:
            cache.put([key], [float(number)])
            model.pop(key, None)
            model[key] = float(number)
            if len(model) > entries:
                model.popitem(last=False)
        else:
            expected = model.get(key)
            assert cache.get([key]) == [expected]
            hits, misses = hits + (expected is not None), misses + (expected is None)
            if expected is not None:
                model.move_to_end(key)
    assert cache.use == CacheUse(hits, misses, len(model))


def test_it_stays_within_its_memory_however_long_the_texts():
    limit = 4_000_000
    tracemalloc.start()
    try:
        cache = ScoreCache(limit)
        for number in range(3 * limit // ENTRY_BYTES):
            cache.put([pair_key("reranker", f"query {number}" * 20, "passage")], [number / 7])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.use.entries == limit // ENTRY_BYTES
    assert peak < limit


def test_a_key_tells_the_parts_apart():
    triples = [("r", "q", "p"), ("rq", "", "p"), ("r", "qp", ""), ("", "r", "qp"), ("r", "", "qp"), ("s", "q", "p")]
    assert len({pair_key(*triple) for triple in triples}) == len(triples)


@pytest.mark.parametrize("size", [0, -5, 1.5, True, ENTRY_BYTES - 1])
def test_a_size_that_is_none(size):
    with pytest.raises(
        ArgumentError, match=f"max_bytes must be a whole number of at least {ENTRY_BYTES}, not {size!r}"
    ):
        ScoreCache(size)


def test_threads_share_it():
    cache = ScoreCache(64 * ENTRY_BYTES)
    keys = [bytes([number]) for number in range(100)]
    wrong = []

    def use(offset):
        for start in range(300):
            chosen = [keys[(offset + start + i) % 100] for i in range(20)]
            cache.put(chosen, [float(key[0]) for key in chosen])
            wrong.extend(
                key for key, logit in zip(chosen, cache.get(chosen), strict=True) if logit not in (None, key[0])
            )

    threads = [threading.Thread(target=use, args=(17 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    use_of_it = cache.use
    assert use_of_it.hits + use_of_it.misses == 4 * 300 * 20
    assert use_of_it.entries == 64


ENCODER = HashEncoder()
CAT, DOG = Document("cat", "the cat sleeps", "Cats"), Document("dog", "the dog sleeps", "Dogs")


@pytest.mark.slow
def test_repeated_pairs_are_not_read_again_and_changed_texts_are(tmp_path):
    index = build_index([CAT, DOG], tmp_path / "i", encoder=ENCODER)
    reranker, cache = OverlapReranker(), ScoreCache(1 << 20)
    pipeline = SearchPipeline(DenseRetriever(index, ENCODER), reranker, cache=cache)
    first = pipeline.search("the cat")
    assert pipeline.search("the cat") == first
    assert [len(call) for call in reranker.calls] == [2]
    assert cache.use == CacheUse(hits=2, misses=2, entries=2)

    for changed in (Document("cat", "the cat runs now", "Cats"), Document("cat", "the cat runs now", "A title")):
        upsert_documents(index.path, [changed], encoder=ENCODER)
        index.refresh()
        reranker.calls.clear()
        results = pipeline.search("the cat")
        assert [passage for _, passage in reranker.calls[0]] == [changed.passage]
        assert len(reranker.calls) == 1
        assert results == SearchPipeline(DenseRetriever(index, ENCODER), OverlapReranker()).search("the cat")


def test_rerankers_share_scores_only_when_they_say_that_they_are_the_same(tmp_path):
    index = build_index([CAT, DOG], tmp_path / "i", encoder=ENCODER)
    cache = ScoreCache(1 << 20)

    def calls(reranker):
        SearchPipeline(DenseRetriever(index, ENCODER), reranker, cache=cache).search("the cat")
        return len(reranker.calls)

    assert [calls(OverlapReranker()), calls(OverlapReranker())] == [1, 1], "nothing says that they score alike"
    named = [OverlapReranker(), OverlapReranker(), OverlapReranker()]
    for reranker, name in zip(named, ("one", "one", "other"), strict=True):
        reranker.fingerprint = reranker.model_fingerprint = name
    assert [calls(reranker) for reranker in named] == [1, 0, 1]


def test_open_makes_one(tmp_path):
    build_index([CAT], tmp_path / "i", encoder=ENCODER)
    opened = SearchPipeline.open(tmp_path / "i", encoder=ENCODER, reranker=OverlapReranker(), cache_mb=2)
    assert opened.cache.max_bytes == 2_000_000
    assert SearchPipeline.open(tmp_path / "i", encoder=ENCODER, reranker=None).cache is None
    for size in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ArgumentError, match=f"a score cache takes a positive number of megabytes, not {size!r}"):
            SearchPipeline.open(tmp_path / "i", encoder=ENCODER, reranker=None, cache_mb=size)
