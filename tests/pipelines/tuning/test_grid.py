import dataclasses

import ir_measures
import numpy as np
import pytest
from bicross.index import Document, Hit, Passage
from bicross.pipelines import Judged, SearchPipeline
from bicross.pipelines.tuning import Configuration
from bicross.pipelines.tuning.first_stages import SUMS, WITH_FEEDBACK, FirstStageSetting
from bicross.pipelines.tuning.grid import FIRST_STAGES, depths_up_to, evaluate_grid, recall_curve
from bicross.pipelines.tuning.scores import QueryScores, Scored
from bicross.retrieval import NormalisedSum, ReciprocalRank, TermShare
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import R, nDCG


def sample(queries, *, seed, candidates=30, k=20, hybrid=True, coarse=False):
    """Scores as two retrievers and a reranker might give them, with many ties where they are coarse."""
    random = np.random.default_rng(seed)
    scored, qrels = [], {}
    for number in range(queries):
        documents = tuple(f"d{i:02}" for i in range(candidates))
        columns = random.normal(size=(3, candidates)).round(0 if coarse else 9)
        dense, lexical, logits = columns
        scored.append(
            QueryScores(
                str(number),
                documents,
                dense,
                np.abs(lexical) if hybrid else None,
                logits.astype(np.float32).astype(np.float64),
            )
        )
        judged = random.choice([*documents, "gone", "lost"], 6, replace=False).tolist()
        grades = dict(zip(judged, random.integers(-1, 4, 6).tolist(), strict=True)) | {judged[0]: 1}
        qrels[str(number)] = grades
    return Scored(k, tuple(scored)), Judged("sample", {str(number): str(number) for number in range(queries)}, qrels)


class StoredScores:
    """Stage one and stage two of a sample: a query is the number of its row."""

    blend = 1.0

    def __init__(self, scored, fusion):
        self.scored, self.fusion = scored, fusion

    def retrieve(self, queries, k, *, where=None):
        answers = []
        for query in queries:
            own = self.scored.queries[int(query)]
            scores = own.dense if self.fusion is None else self.fusion.fuse(own.dense, own.lexical)
            ranked = sorted(zip(-scores, -own.dense, own.documents, strict=True))[:k]
            answers.append([Hit(Document(id_, "x"), Passage(id_, 0, 1), float(-score)) for score, _, id_ in ranked])
        return answers

    def score(self, pairs):
        answers = []
        for query, passage in pairs:
            own = self.scored.queries[int(query)]
            answers.append(own.logits[own.documents.index(passage)])
        return np.array(answers, np.float32)


def searched(scored, configuration, *, top_k=10):
    """The documents that a real pipeline returns."""
    stored_scores = StoredScores(scored, configuration.fusion)
    pipeline = SearchPipeline(
        stored_scores,
        stored_scores if configuration.depth else None,
        retrieve_k=scored.k,
        rerank_k=configuration.depth or scored.k,
        top_k=top_k,
        blend=configuration.blend,
    )
    batch = pipeline.search_batch([query.query_id for query in scored.queries])
    return [[result.document.id for result in results] for results in batch]


def evaluated(scored, judged, configuration):
    """What the grid has for one setting."""
    grid = evaluate_grid(scored, judged)
    return grid.ndcg[grid.place(configuration)]


def measured(measure, judged, answers):
    run = {
        str(number): {document: float(-position) for position, document in enumerate(documents)}
        for number, documents in enumerate(answers)
    }
    values = {metric.query_id: metric.value for metric in ir_measures.iter_calc([measure], dict(judged.qrels), run)}
    return [values[query_id] for query_id in judged.qrels]


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None)
@given(
    seed=st.integers(0, 10**6),
    depth=st.sampled_from([0, 1, 5, 10, 17, 20]),
    blend=st.sampled_from([0.1, 0.3, 0.5, 0.9, 1.0]),
    fusion=st.sampled_from([None, NormalisedSum(0.3), NormalisedSum(1.0), ReciprocalRank()]),
    candidates=st.sampled_from([3, 12, 30]),
    coarse=st.booleans(),
)
def test_a_setting_is_worth_what_ir_measures_says_of_the_real_search(seed, depth, blend, fusion, candidates, coarse):
    k = 20 if depth in (0, *depths_up_to(20)) else depth  # the grid has the depth k itself, whatever it is
    scored, judged = sample(4, seed=seed, candidates=max(6, candidates), k=k, coarse=coarse)
    configuration = Configuration(fusion, depth, blend if depth else 1.0)
    answers = searched(scored, configuration, top_k=min(10, k))
    expected = measured(nDCG @ 10, judged, answers)
    np.testing.assert_allclose(evaluated(scored, judged, configuration), expected, atol=1e-9)


def test_the_grid_has_every_setting_once():
    scored, judged = sample(12, seed=1)
    grid = evaluate_grid(scored, judged)
    assert len(set(grid.configurations)) == len(grid.configurations) == (1 + len(SUMS)) * (1 + 10 * 3)
    assert grid.ndcg.shape == (len(grid.configurations), 12)
    for row in np.random.default_rng(2).choice(len(grid.configurations), 25, replace=False):
        configuration = grid.configurations[row]
        expected = measured(nDCG @ 10, judged, searched(scored, configuration))
        np.testing.assert_allclose(grid.ndcg[row], expected, atol=1e-9)
        assert grid.place(configuration) == row
        assert grid.costs[row] == configuration.cost


def with_shares(scored, *, seed):
    """The same with the limits of lexical scores, and with scores that feedback might give."""
    random = np.random.default_rng(seed)
    queries = [
        dataclasses.replace(
            query,
            lexical_limit=float(random.uniform(1, 3) * query.lexical.max(initial=0.1)),
            feedback={
                first_stage: tuple(random.normal(size=(2, len(query.documents)))) for first_stage in WITH_FEEDBACK
            },
        )
        for query in scored.queries
    ]
    return Scored(scored.k, tuple(queries))


def test_shares_of_the_terms_and_feedback_are_settings_where_their_scores_are_there():
    scored, judged = sample(12, seed=1)
    scored = with_shares(scored, seed=3)
    grid = evaluate_grid(scored, judged)
    assert {setting.first_stage for setting in grid.configurations} == {*FIRST_STAGES}
    assert len(set(grid.configurations)) == len(grid.configurations) == len(FIRST_STAGES) * (1 + 10 * 3)
    for first_stage in WITH_FEEDBACK:
        own = [query.feedback[first_stage] for query in scored.queries]
        as_if_dense = Scored(
            scored.k,
            tuple(
                QueryScores(query.query_id, query.documents, ties, scores, query.logits)
                for query, (scores, ties) in zip(scored.queries, own, strict=True)
            ),
        )
        row = grid.place(Configuration(first_stage.fusion, 0, 1.0, first_stage.feedback))
        by_scores = Configuration(ByLexicalAlone(), 0, 1.0)
        np.testing.assert_allclose(
            grid.ndcg[row], measured(nDCG @ 10, judged, searched(as_if_dense, by_scores)), atol=1e-9
        )
    share = Configuration(TermShare(0.5), 0, 1.0)
    by_hand = [
        (query, TermShare(0.5, query.lexical_limit).fuse(query.dense, query.lexical)) for query in scored.queries
    ]
    answers = [[query.documents[row] for row in np.lexsort((-query.dense, -scores))[:10]] for query, scores in by_hand]
    np.testing.assert_allclose(grid.ndcg[grid.place(share)], measured(nDCG @ 10, judged, answers), atol=1e-9)


class ByLexicalAlone:
    """A fusion of no weight for the dense score."""

    def fuse(self, dense, lexical):
        return lexical


def test_queries_may_have_different_numbers_of_candidates():
    parts = [sample(2, seed=seed, candidates=candidates) for seed, candidates in enumerate([6, 30, 12])]
    queries = [query for scored, _ in parts for query in scored.queries]
    relabelled = [
        QueryScores(str(number), query.documents, query.dense, query.lexical, query.logits)
        for number, query in enumerate(queries)
    ]
    relabelled.append(QueryScores("6", (), np.empty(0), np.empty(0), np.empty(0)))
    qrels = [dict(grades) for _, judged in parts for grades in judged.qrels.values()] + [{"nowhere": 1}]
    judged = Judged("mixed", {str(n): str(n) for n in range(7)}, {str(n): grades for n, grades in enumerate(qrels)})
    scored = Scored(20, tuple(relabelled))
    configuration = Configuration(None, 10, 0.5)
    expected = measured(nDCG @ 10, judged, [*searched(scored, configuration)[:6], ["other"]])
    np.testing.assert_allclose(evaluated(scored, judged, configuration), expected, atol=1e-9)


def test_without_lexical_scores_there_is_vectors_alone():
    grid = evaluate_grid(*sample(12, seed=3, hybrid=False))
    assert {configuration.fusion for configuration in grid.configurations} == {None}


def test_recall_is_ir_measures_own():
    scored, judged = sample(15, seed=4)
    for fusion in (None, NormalisedSum(0.4)):
        answers = searched(scored, Configuration(fusion, 0, 1.0), top_k=20)
        for k, recall in recall_curve(scored, judged, FirstStageSetting(fusion)):
            assert recall == pytest.approx(np.mean(measured(R @ k, judged, answers)), abs=1e-9)


@pytest.mark.parametrize(
    ("k", "depths"), [(10, [5, 10]), (25, [5, 10, 20, 25]), (100, [5, *range(10, 101, 10)]), (12, [5, 10, 12])]
)
def test_depths(k, depths):
    assert depths_up_to(k) == depths
