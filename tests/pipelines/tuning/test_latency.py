import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Hit, Passage
from bicross.pipelines.tuning import milliseconds
from bicross.pipelines.tuning.latency import WARM_UP, measure_latency


class Clocked:
    """Both stages, on a clock that moves by what they are said to take, in milliseconds; now and then they are slow."""

    blend = 1.0

    def __init__(self, *, retrieval=3.0, pair=2.0, hiccups=()):
        self.now, self.retrieval, self.pair, self.hiccups = 0.0, retrieval, pair, list(hiccups)
        self.depths = []

    def __call__(self):
        return self.now / 1000.0

    def retrieve(self, queries, k, *, where=None):
        self.now += self.retrieval
        texts = [f"text {number}" for number in range(k)]  # equal ones would be scored once
        return [
            [Hit(Document(str(i), text), Passage(text, 0, len(text)), 1.0 - i / 100) for i, text in enumerate(texts)]
            for _ in queries
        ]

    def score(self, pairs):
        self.depths.append(len(pairs))
        self.now += self.pair * len(pairs) + (self.hiccups.pop() if self.hiccups else 0.0)
        return np.zeros(len(pairs), np.float32)


def measured(parts, queries=6, depths=(0, 5, 10, 20)):
    return measure_latency(parts, parts, ["query"] * queries, retrieve_k=20, depths=depths, clock=parts)


def test_latency_is_that_of_whole_searches():
    latencies = measured(Clocked())
    assert [latency.depth for latency in latencies] == [0, 5, 10, 20]
    assert [latency.median_ms for latency in latencies] == pytest.approx([3, 13, 23, 43])
    assert [latency.p95_ms for latency in latencies] == pytest.approx([3, 13, 23, 43])
    assert {latency.searches for latency in latencies} == {6}


def test_depths_take_turns_after_a_warm_up():
    parts = Clocked()
    measured(parts, queries=4)
    assert parts.depths[:WARM_UP] == [20] * WARM_UP
    counted = parts.depths[WARM_UP:]
    assert sorted(counted) == [5] * 4 + [10] * 4 + [20] * 4
    assert counted[:3] == [5, 10, 20]
    assert counted[6:9] == [10, 20, 5], "another one begins each time"


def test_a_deeper_search_is_never_said_to_be_faster():
    random = np.random.default_rng(0)
    latencies = measured(Clocked(pair=0.01, hiccups=random.exponential(20.0, 200)), queries=30, depths=(20, 0, 10, 5))
    assert [latency.depth for latency in latencies] == [0, 5, 10, 20]
    for values in ([latency.median_ms for latency in latencies], [latency.p95_ms for latency in latencies]):
        assert values == sorted(values)
        assert values[-1] > values[0]
    assert all(latency.p95_ms >= latency.median_ms for latency in latencies)


def test_no_queries():
    with pytest.raises(ArgumentError, match="a latency is measured on queries, and there are none"):
        measured(Clocked(), queries=0)


@pytest.mark.parametrize(
    ("text", "expected"), [("300ms", 300.0), ("0.3s", 300.0), (" 2 S ", 2000.0), ("150", 150.0), ("1e3 ms", 1000.0)]
)
def test_times(text, expected):
    assert milliseconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "fast", "-3ms", "0s", "inf", "nan ms", "3 min", "3h"])
def test_what_is_no_time(text):
    with pytest.raises(ArgumentError, match=r"a latency is a time such as 300ms or 0\.3s, not"):
        milliseconds(text)
