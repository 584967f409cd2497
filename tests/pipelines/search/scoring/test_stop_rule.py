import json

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Hit, Passage
from bicross.pipelines import SearchPipeline, StopRule, Timings, fit_stop_rule
from bicross.pipelines.search.scoring.stop_rule import CHECK_EVERY

RULE = StopRule(
    intercept=1.0, slope=20.0, query_spread=2.0, spread=1.5, threshold=0.1, risk=0.05, blend=1.0, k=10
)  # fmt: skip


def sample(queries, *, seed, slope=20.0, candidates=100):
    """Retrieval scores and logits that are as the rule takes them to be."""
    random = np.random.default_rng(seed)
    retrieval = [np.sort(random.uniform(0.2, 0.6, candidates))[::-1] for _ in range(queries)]
    shifts = random.normal(0, 2.0, queries)
    return retrieval, [
        1.0 + slope * (scores - scores[0]) + shift + random.normal(0, 1.5, candidates)
        for scores, shift in zip(retrieval, shifts, strict=True)
    ]


def depth(rule, retrieval, logits, k=10):
    read = next((n for n in range(CHECK_EVERY, 100, CHECK_EVERY) if rule.enough(retrieval, logits[:n], k=k)), 100)
    return read, len(set(np.argsort(-logits)[:k]) - set(np.argsort(-logits[:read])[:k])) / k


def test_the_fit_finds_what_made_the_data():
    rule = fit_stop_rule(*sample(400, seed=1))
    assert (rule.intercept, rule.slope) == pytest.approx((1.0, 20.0), abs=0.3)
    assert (rule.query_spread, rule.spread) == pytest.approx((2.0, 1.5), abs=0.15)


@pytest.mark.parametrize("risk", [0.02, 0.1])
def test_the_promise_holds_on_other_queries(risk):
    rule = fit_stop_rule(*sample(300, seed=2), risk=risk)
    read, lost = np.transpose([depth(rule, r, v) for r, v in zip(*sample(300, seed=3), strict=True)])
    assert lost.mean() <= risk * 1.25
    assert read.mean() < 80, "and it saves something"
    assert lost.mean() > 0, "because it takes the risk that it was given"


def test_expected_entries_are_those_of_a_simulation():
    [retrieval], [logits] = sample(1, seed=4)
    random = np.random.default_rng(5)
    read, trials = 30, 20_000
    line = RULE.intercept + RULE.slope * (retrieval - retrieval[0])
    # The posterior of the query's shift, by weighing draws of the prior with the likelihood of what was read.
    shifts = random.normal(0, RULE.query_spread, trials)
    residuals = logits[:read] - line[:read]
    logs = -0.5 * ((residuals[None, :] - shifts[:, None]) ** 2).sum(1) / RULE.spread**2
    weights = np.exp(logs - logs.max())
    unread = line[read:] + shifts[:, None] + random.normal(0, RULE.spread, (trials, 100 - read))
    entering = (unread > np.sort(logits[:read])[-10]).sum(1)
    simulated = float((weights * entering).sum() / weights.sum())
    assert RULE.expected_entries(retrieval, logits[:read], 10) == pytest.approx(simulated, rel=0.1)


def test_a_rule_survives_json():
    rule = fit_stop_rule(*sample(50, seed=6), blend=0.5, k=5)
    assert StopRule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slope": float("nan")}, "slope=nan; it must be a finite number"),
        ({"spread": -1.0}, r"spread=-1\.0; it must not be negative"),
        ({"threshold": "x"}, "threshold='x'; it must be a finite number"),
        ({"risk": 0.0}, r"risk must be a number between 0 and 1, not 0\.0"),
        ({"blend": 0.0}, "blend must be above 0"),
        ({"k": 2.5}, r"k must be a whole number of at least 1, not 2\.5"),
        ({"more": 1.0}, "a stop rule has the fields"),
    ],
)
def test_records_that_are_no_rule(change, message):
    with pytest.raises(ArgumentError, match=message):
        StopRule.from_dict(RULE.to_dict() | change)


def test_data_that_cannot_be_fitted():
    retrieval, logits = sample(30, seed=7)
    with pytest.raises(ArgumentError, match=r"a risk of 0\.01 needs at least 99 queries with candidates.*there are 30"):
        fit_stop_rule(retrieval, logits, risk=0.01)
    with pytest.raises(ArgumentError, match="as many arrays of the same lengths"):
        fit_stop_rule(retrieval, logits[:-1])
    with pytest.raises(ArgumentError, match="not finite"):
        fit_stop_rule(retrieval, [np.full(100, np.nan), *logits[1:]])


def test_degenerate_queries_are_read_to_the_end():
    flat = [np.full(100, 0.5)] * 30
    rule = fit_stop_rule(flat, flat)
    assert not rule.enough(flat[0], flat[0][:50], k=10)
    assert rule.enough(flat[0], flat[0], k=10)
    assert not RULE.enough(*[np.linspace(1, 0, 100)] * 1, np.linspace(9, 0, 100)[:9], k=1), "fewer than k were read"


class FixedScores:
    """Stage one and stage two of a sample: a query is the number of its row."""

    blend = 1.0

    def __init__(self, retrieval, logits):
        self.retrieval, self.logits, self.pairs = retrieval, logits, 0

    def retrieve(self, queries, k, *, where=None):
        return [
            [Hit(Document(str(i), "x"), Passage(str(i), 0, 1), float(score)) for i, score in enumerate(scores)][:k]
            for scores in (self.retrieval[int(query)] for query in queries)
        ]

    def score(self, pairs):
        self.pairs += len(pairs)
        return np.array([self.logits[int(query)][int(passage)] for query, passage in pairs], np.float32)


def test_auto_reads_as_deep_as_the_rule_says_for_each_query():
    fixed = FixedScores(*sample(120, seed=8))
    everything = SearchPipeline(fixed, fixed)
    queries = [str(i) for i in range(120)]
    rule = everything.fit_stop_rule(queries[:60], risk=0.05)
    assert rule == fit_stop_rule(
        *(
            [
                [row.astype(kind).astype(float) for row in rows[:60]]
                for rows, kind in ((fixed.retrieval, float), (fixed.logits, np.float32))
            ]
        )
    )
    pipeline, timings = SearchPipeline(fixed, fixed, rerank_k="auto", stop_rule=rule), Timings()
    fixed.pairs = 0
    answers = pipeline.search_batch(queries[60:], timings=timings)
    for query, results, depth_read in zip(range(60, 120), answers, timings.depths, strict=True):
        expected, _ = depth(rule, fixed.retrieval[query], fixed.logits[query].astype(np.float32).astype(float))
        assert (depth_read.reranked, depth_read.candidates) == (expected, 100)
        best = np.argsort(-fixed.logits[query][:expected])[:10]
        assert [int(result.document.id) for result in results] == best.tolist()
    assert fixed.pairs == timings.pairs < 60 * 100
    assert pipeline.search_batch(queries[60:62], rerank_k=100) == everything.search_batch(queries[60:62])
    assert pipeline.search("60", top_k=100, deadline_ms=0)[0].logit is None, "a deadline comes before the rule"


def test_auto_without_a_rule_says_how_to_get_one():
    fixed = FixedScores(*sample(2, seed=9))
    for attempt in (
        lambda: SearchPipeline(fixed, fixed, rerank_k="auto"),
        lambda: SearchPipeline(fixed, fixed).search("0", rerank_k="auto"),
    ):
        with pytest.raises(
            ArgumentError, match=r'rerank_k="auto" needs a stop_rule: make one with SearchPipeline\.fit'
        ):
            attempt()
    with pytest.raises(ArgumentError, match="without a reranker scores nothing"):
        SearchPipeline(fixed, None).fit_stop_rule(["0"])
    with pytest.raises(ArgumentError, match=r"fitted for blend=1\.0, and the pipeline has blend=0\.5"):
        SearchPipeline(fixed, fixed, blend=0.5, stop_rule=RULE)
    with pytest.raises(ArgumentError, match="rerank_k must be a whole number of at least 1, not 'most'"):
        SearchPipeline(fixed, fixed, rerank_k="most")


def test_a_blend_is_measured_by_what_all_candidates_would_give():
    fixed = FixedScores(*sample(60, seed=10))
    queries = [str(i) for i in range(60)]
    rule = SearchPipeline(fixed, fixed, blend=0.5).fit_stop_rule(queries, risk=0.1)
    pipeline, timings = SearchPipeline(fixed, fixed, blend=0.5, rerank_k="auto", stop_rule=rule), Timings()
    answers = pipeline.search_batch(queries, timings=timings)
    stopped = 0
    for query, results, depth_read in zip(range(60), answers, timings.depths, strict=True):
        retrieval, logits = fixed.retrieval[query], fixed.logits[query].astype(np.float32).astype(float)
        logit_scale, retrieval_scale = rule.scales(retrieval, logits[: depth_read.reranked])
        mixed = (
            0.5 * logits[: depth_read.reranked] / logit_scale + 0.5 * retrieval[: depth_read.reranked] / retrieval_scale
        )
        if depth_read.reranked < depth_read.candidates:
            stopped += 1
            assert [int(r.document.id) for r in results] == np.argsort(-mixed, kind="stable")[:10].tolist()
    assert stopped > 10
    assert rule.scales(retrieval, logits) == pytest.approx((logits.std(), retrieval.std()))


def test_predicted_scales_are_nearer_to_the_whole_than_those_of_the_part():
    predicted, partial = [], []
    for retrieval, logits in zip(*sample(100, seed=11), strict=True):
        scale, _ = RULE.scales(retrieval, logits[:20])
        predicted.append(abs(scale / logits.std() - 1))
        partial.append(abs(logits[:20].std() / logits.std() - 1))
    assert np.mean(predicted) < np.mean(partial) / 2
