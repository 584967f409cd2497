"""Deadlines, on a clock that only the fake reranker moves."""

import itertools
import logging

import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelError
from bicross.index import Document, Hit, Passage
from bicross.pipelines import Depth, ScoreCache, SearchPipeline, Timings
from bicross.pipelines.search.scoring.deadline import SMALL_SLICE
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st


def hits(count):
    """Candidates whose texts are their ranks, best first."""
    return [Hit(Document(f"d{i:03}", f"text {i}"), Passage(f"text {i}", 0, 6), 1.0 - i / 100) for i in range(count)]


class FakeRetriever:
    """Every query finds the same; it takes ``seconds``."""

    def __init__(self, clock, counts=(100,), seconds=0.0):
        self.clock, self.counts, self.seconds = clock, itertools.cycle(counts), seconds

    def retrieve(self, queries, k, *, where=None):
        self.clock.now += self.seconds
        return [hits(next(self.counts))[:k] for _ in queries]


class FakeClock:
    now = 100.0

    def __call__(self):
        return self.now


class SlowReranker:
    """Later candidates are better; a pair takes ``seconds``, or in each call what ``pace`` gives next."""

    def __init__(self, clock, seconds=0.01, *, pace=None, blend=1.0):
        self.clock, self.blend, self.calls = clock, blend, []
        self.pace = itertools.repeat(seconds) if pace is None else iter(pace)

    def score(self, pairs):
        self.calls.append(list(pairs))
        self.clock.now += next(self.pace) * len(pairs)
        return np.array([self.logit(query, passage) for query, passage in pairs], np.float32)

    @staticmethod
    def logit(query, passage):
        return int(passage.split()[1]) / 7 + len(query)


def slow_pipeline(*, counts=(100,), first_stage=0.0, seconds=0.01, pace=None, blend=1.0, **settings):
    clock = FakeClock()
    reranker = SlowReranker(clock, seconds, pace=pace, blend=blend)
    retriever = FakeRetriever(clock, counts, first_stage)
    return SearchPipeline(retriever, reranker, clock=clock, top_k=100, **settings), reranker, clock


def run(pipeline, queries, **settings):
    timings = Timings()
    return pipeline.search_batch(queries, timings=timings, **settings), timings


@settings(deadline=None, max_examples=examples(80))
@given(
    deadline=st.integers(0, 5000),
    first_stage=st.sampled_from([0.0, 0.05, 0.4]),
    seconds=st.sampled_from([0.001, 0.01, 0.1]),
    counts=st.lists(st.integers(0, 60), min_size=1, max_size=5),
)
def test_at_a_steady_pace_only_the_first_small_slice_can_end_late(deadline, first_stage, seconds, counts):
    pipeline, reranker, clock = slow_pipeline(counts=counts, first_stage=first_stage, seconds=seconds)
    started = clock.now
    queries = "abcde"[: len(counts)]  # equal pairs would be scored once
    answers, timings = run(pipeline, list(queries), deadline_ms=deadline)
    took = clock.now - started
    assert took <= max(deadline / 1000, first_stage) + SMALL_SLICE * seconds + 1e-9
    depths = [depth.reranked for depth in timings.depths]
    assert [depth.candidates for depth in timings.depths] == counts
    assert sum(depths) == timings.pairs == sum(map(len, reranker.calls))
    if first_stage >= deadline / 1000:
        assert timings.pairs == 0
    # A query is not read deeper than another one by more than a candidate, unless that has no more.
    for mine, (other, count) in itertools.product(depths, zip(depths, counts, strict=True)):
        assert mine <= other + 1 or other == count
    # What was read stands first, by logit; the rest follows in the order of stage one.
    for results, read in zip(answers, depths, strict=True):
        ranks = [result.retrieval_rank for result in results]
        assert ranks == [*range(read, 0, -1), *range(read + 1, len(results) + 1)]
        assert [result.logit is not None for result in results] == [rank <= read for rank in ranks]
        assert [r.score for r in results] == sorted((r.score for r in results), reverse=True)


def test_slices_halve_and_use_most_of_the_time():
    pipeline, reranker, _ = slow_pipeline(seconds=0.01)
    _, timings = run(pipeline, ["q"], deadline_ms=800)
    sizes = [len(call) for call in reranker.calls]
    assert sizes[0] == SMALL_SLICE
    assert sizes[1:] == sorted(sizes[1:], reverse=True)
    assert timings.pairs > 80 - 2 * SMALL_SLICE


def test_scores_do_not_depend_on_the_slice():
    whole, _, _ = slow_pipeline()
    sliced, reranker, _ = slow_pipeline()
    assert run(whole, ["q", "long"])[0] == run(sliced, ["q", "long"], deadline_ms=1e6)[0]
    assert len(reranker.calls) > 1


def test_without_a_deadline_there_is_one_call_query_by_query():
    pipeline, reranker, _ = slow_pipeline()
    run(pipeline, ["a", "b"])
    assert [[query for query, _ in call] for call in reranker.calls] == [["a"] * 100 + ["b"] * 100]


def test_a_deadline_that_stage_one_used_up_gives_the_order_of_stage_one(caplog):
    pipeline, reranker, _ = slow_pipeline(first_stage=0.3)
    with caplog.at_level(logging.INFO, "bicross"):
        [results], timings = run(pipeline, ["q"], deadline_ms=300)
    assert reranker.calls == []
    assert [result.retrieval_rank for result in results] == list(range(1, 101))
    assert timings.depths == [Depth(0, 100, wanted=100)]
    assert "deadline of 300 ms: 0 of 100 candidates were reranked" in caplog.text


def test_a_slower_machine_is_noticed_at_the_next_slice():
    pipeline, reranker, _ = slow_pipeline(pace=[0.001, 0.01, 0.01, 0.01, 0.01])
    run(pipeline, ["q"], deadline_ms=120)
    # The second slice was sized for a pace ten times as high; nothing is started after it.
    assert [len(call) for call in reranker.calls] == [SMALL_SLICE, 56]
    pipeline, reranker, _ = slow_pipeline(pace=[1.0, *[0.001] * 20])
    run(pipeline, ["q"], deadline_ms=9000)
    assert sum(map(len, reranker.calls)) == SMALL_SLICE, "a pace of one call's start is not forgotten within it"
    run(pipeline, ["q"], deadline_ms=9000)
    assert sum(map(len, reranker.calls)) == SMALL_SLICE + 100, "but in the next call"


def test_pairs_from_the_cache_take_no_time_and_say_nothing_of_the_pace():
    pipeline, _, clock = slow_pipeline(cache=ScoreCache(1 << 20))
    run(pipeline, ["q"], rerank_k=50)
    before = clock.now
    _, timings = run(pipeline, ["q"], deadline_ms=200)
    assert clock.now - before <= 0.2 + SMALL_SLICE * 0.01
    assert timings.depths[0].reranked > 50, "the fifty that were known are free"


@pytest.mark.parametrize("blend", [0.3, 0.5, 0.9, 1.0])
def test_one_candidate_read_changes_no_order(blend):
    pipeline, _, _ = slow_pipeline(blend=blend, counts=(1, 5))
    for results in pipeline.search_batch(["q", "r"], rerank_k=1):
        assert [result.retrieval_rank for result in results] == list(range(1, len(results) + 1))
        scores = [result.score for result in results]
        assert np.isfinite(scores).all()
        assert scores == sorted(scores, reverse=True)
        assert results[0].logit is not None


def test_an_even_blend_of_two_that_disagree_keeps_stage_one():
    pipeline, _, _ = slow_pipeline(blend=0.5)
    results = pipeline.search("q", rerank_k=2)
    assert [result.retrieval_rank for result in results] == list(range(1, 101))


def test_a_score_that_is_not_finite_is_an_error_in_a_later_slice_too():
    pipeline, reranker, _ = slow_pipeline(cache=ScoreCache(1 << 20))
    reranker.logit = lambda query, passage: np.nan if passage == "text 30" else 0.0
    with pytest.raises(ModelError, match="not finite for 'q' and 'text 30'"):
        pipeline.search("q", deadline_ms=1e6)
    assert len(reranker.calls) > 1
    reranker.logit = lambda query, passage: 1.0
    results = pipeline.search("q")
    assert [result.logit for result in results if result.retrieval_rank == 31] == [1.0], "a NaN is never remembered"


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "300"])
def test_a_deadline_that_is_none(value):
    pipeline, _, _ = slow_pipeline()
    with pytest.raises(
        ArgumentError, match=f"deadline_ms must be a number of milliseconds from 0, or None, not {value!r}"
    ):
        pipeline.search("q", deadline_ms=value)
