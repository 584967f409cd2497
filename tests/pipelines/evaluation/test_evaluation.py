import numpy as np
import pytest
from bicross.errors import ArgumentError, QueryError
from bicross.pipelines import Evaluation, SearchPipeline, build_index, evaluate, evaluate_runs, read_run, write_run
from bicross.pipelines.commands.reports import evaluation_record
from bicross.pipelines.commands.reports.evaluation import notes
from bicross.pipelines.evaluation import (
    DEFAULT_MEASURES,
    FIRST_STAGE,
    RERANKED,
    Outcomes,
    estimate_means,
    per_query,
    randomisation_test,
)
from bicross.retrieval import DenseRetriever
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.random_judgments import DOCUMENTS, QRELS, QUERIES

ENCODER = HashEncoder()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(DOCUMENTS, tmp_path_factory.mktemp("words") / "index", encoder=ENCODER)


@pytest.fixture(scope="module")
def pipeline(index):
    return SearchPipeline(DenseRetriever(index, ENCODER), OverlapReranker(), retrieve_k=12, rerank_k=8, top_k=3)


@pytest.fixture(scope="module")
def evaluation(pipeline) -> Evaluation:
    return evaluate(pipeline, QUERIES, QRELS)


def test_both_stages_are_measured_as_the_pipeline_ranks_them(pipeline, index, evaluation):
    alone = SearchPipeline(DenseRetriever(index, ENCODER), None, retrieve_k=12, rerank_k=12)
    for name, searched in ((RERANKED, pipeline), (FIRST_STAGE, alone)):
        run = {id_: [(r.document.id, 0.0) for r in searched.search(QUERIES[id_], top_k=12)] for id_ in QRELS}
        system = evaluation.system(name)
        assert {id_: [document_id for document_id, _ in results] for id_, results in system.run.items()} == {
            id_: [document_id for document_id, _ in results] for id_, results in run.items()
        }
        assert system.values == per_query(DEFAULT_MEASURES, QRELS, run)
        for measure, mean in system.means.items():
            assert mean.mean == pytest.approx(np.mean(list(system.values[measure].values())))
            assert mean.low <= mean.mean <= mean.high
    assert evaluation.measures == DEFAULT_MEASURES


def test_the_comparison_is_of_the_same_queries(evaluation):
    [comparison] = evaluation.comparisons
    assert (comparison.baseline, comparison.system) == (FIRST_STAGE, RERANKED)
    before, after = evaluation.system(FIRST_STAGE).values, evaluation.system(RERANKED).values
    for difference in comparison.differences:
        name = difference.measure
        changes = np.array([after[name][id_] - before[name][id_] for id_ in QRELS])
        [expected] = estimate_means(changes[:, None])
        assert (difference.mean, difference.low, difference.high) == pytest.approx(
            (expected.mean, expected.low, expected.high)
        )
        assert difference.p_value == randomisation_test(changes)
        assert difference.outcomes == Outcomes(sum(changes > 1e-9), sum(abs(changes) <= 1e-9), sum(changes < -1e-9))


def test_improved_and_hurt_queries(evaluation):
    [comparison] = evaluation.comparisons
    before, after = (evaluation.system(name).values["nDCG@10"] for name in (FIRST_STAGE, RERANKED))
    changes = {id_: after[id_] - before[id_] for id_ in QRELS}
    rising = [id_ for id_ in sorted(QRELS, key=lambda id_: -changes[id_]) if changes[id_] > 1e-9]
    falling = [id_ for id_ in sorted(QRELS, key=lambda id_: changes[id_]) if changes[id_] < -1e-9]
    assert rising
    assert falling
    for query_changes, expected in ((comparison.improved, rising), (comparison.hurt, falling)):
        assert [change.query_id for change in query_changes] == expected[:10]
        for change in query_changes:
            id_ = change.query_id
            assert (change.query, change.before, change.after) == (QUERIES[id_], before[id_], after[id_])


def test_counts(evaluation):
    counts = evaluation.counts
    assert (counts.queries, counts.judged, counts.without_judgments) == (20, 16, 4)
    assert counts.without_relevant == 1
    assert (counts.unknown_documents, counts.unknown_relevant) == (2, 1)
    assert (counts.retrieve_k, counts.cut) == (12, 16)
    assert evaluation.deeper == ("R@100", "AP@100")
    lines = "\n".join(notes(evaluation))
    for sentence in (
        "16 queries have judgments and are measured; 4 have none.",
        "1 judged query has no relevant document, and counts 0.",
        "2 judged documents are not in the index; 1 judgment calls one of them relevant",
        "For 16 queries the list ends at retrieve_k=12.",
        "R@100, AP@100 look further down than retrieve_k=12: raise it.",
    ):
        assert sentence in lines


def test_a_relevant_document_that_is_not_there_stays_in_the_ideal_ranking(evaluation):
    ranked = [id_ for id_, _ in evaluation.system(RERANKED).run["q5"]]
    gain = 1 / np.log2(ranked.index("d4") + 2) if "d4" in ranked[:10] else 0.0
    expected = gain / (2 / np.log2(2) + 1 / np.log2(3))
    assert evaluation.system(RERANKED).values["nDCG@10"]["q5"] == pytest.approx(expected)
    assert evaluation.system(RERANKED).values["R@100"]["q5"] == (0.5 if "d4" in ranked else 0.0)


def test_lists_that_end_before_retrieve_k_are_not_cut(index):
    whole = SearchPipeline(DenseRetriever(index, ENCODER), None, retrieve_k=50, rerank_k=50)
    evaluation = evaluate(whole, QUERIES, QRELS, measures=["R@100", "AP"])
    assert evaluation.counts.cut == 0
    assert evaluation.deeper == ()
    assert evaluation.system(FIRST_STAGE).means["R@100"].mean < 1.0, (
        "one query has no relevant document, one has one away"
    )
    assert [system.name for system in evaluation.systems] == [FIRST_STAGE]
    assert evaluation.comparisons == ()


def test_other_runs_are_compared_with_the_final_order(pipeline, tmp_path, evaluation):
    other = {id_: list(reversed(results)) for id_, results in evaluation.system(RERANKED).run.items() if id_ != "q7"}
    write_run(tmp_path / "other.txt", other | {"unjudged": [("d1", 1.0)]})
    with_runs = evaluate(pipeline, QUERIES, QRELS, measures=["RR@10"], runs={"other": read_run(tmp_path / "other.txt")})
    assert [system.name for system in with_runs.systems] == [FIRST_STAGE, RERANKED, "other"]
    assert [(c.baseline, c.system) for c in with_runs.comparisons] == [(FIRST_STAGE, RERANKED), ("other", RERANKED)]
    assert with_runs.system("other").values == per_query(["RR@10"], QRELS, other)
    assert with_runs.system("other").missing == 1
    assert with_runs.system("other").values["RR@10"]["q7"] == 0.0
    assert "1 judged query has no result from other, and counts 0." in notes(with_runs)
    with pytest.raises(ArgumentError, match="a run cannot be called 'first stage': that is a name of the pip"):
        evaluate(pipeline, QUERIES, QRELS, runs={FIRST_STAGE: other})
    with pytest.raises(ArgumentError, match="no system 'none' was evaluated; choose from first stage, reranked, other"):
        with_runs.system("none")


def test_runs_alone(evaluation):
    runs = {system.name: system.run for system in evaluation.systems}
    alone = evaluate_runs(runs, QRELS, queries=QUERIES)
    assert alone.systems == evaluation.systems
    assert alone.comparisons == evaluation.comparisons
    assert alone.counts.judged == 16
    assert alone.counts.unknown_documents is None
    assert evaluate_runs({"one": runs[FIRST_STAGE]}, QRELS).counts.queries == 16, "texts are only to show"
    with pytest.raises(ArgumentError, match="there is no run to measure"):
        evaluate_runs({}, QRELS)


def test_what_cannot_be_evaluated_is_said_before_a_search(index):
    class Unsearched:
        index = None

        def retrieve(self, queries, k, *, where=None):
            raise AssertionError("a mistake should not cost a search")

    pipeline = SearchPipeline(Unsearched(), None)
    with pytest.raises(ArgumentError, match="no measure 'nDGC'"):
        evaluate(pipeline, QUERIES, QRELS, measures=["nDGC"])
    with pytest.raises(ArgumentError, match="query 'q99' is judged and has no text"):
        evaluate(pipeline, QUERIES, QRELS | {"q99": {"d1": 1}})
    with pytest.raises(QueryError, match="query 'q1' is blank"):
        evaluate(pipeline, QUERIES | {"q1": " "}, QRELS)
    with pytest.raises(ArgumentError, match="no query has a judgment"):
        evaluate(pipeline, QUERIES, {"q1": {}})


@pytest.mark.parametrize("adaptive", [True, False])
def test_all_queries_are_measured_on_one_generation(tmp_path, adaptive):
    """The first stage of an adaptive search was asked for a second time, in whichever generation was newest then."""
    index = build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER)
    options = {"retrieve_k": 12, "rerank_k": 12, "adaptive": adaptive}
    expected = evaluate(SearchPipeline(DenseRetriever(index, ENCODER), OverlapReranker(), **options), QUERIES, QRELS)
    remaining_ids = [document.id for document in DOCUMENTS]

    class Deleting(OverlapReranker):
        def score(self, pairs):
            index.delete([remaining_ids.pop() for _ in range(3) if remaining_ids])
            return super().score(pairs)

    evaluation = evaluate(SearchPipeline(DenseRetriever(index, ENCODER), Deleting(), **options), QUERIES, QRELS)
    assert len(index) < len(DOCUMENTS)
    for name in (FIRST_STAGE, RERANKED):
        assert evaluation.system(name).run == expected.system(name).run
    assert evaluation.counts == expected.counts


def test_equal_each_time(pipeline, evaluation):
    assert evaluation_record(evaluate(pipeline, QUERIES, QRELS)) == evaluation_record(evaluation)


def test_progress_is_told_and_nothing_is_drawn(pipeline, capsys):
    reported = []
    evaluation = evaluate(
        pipeline, QUERIES, QRELS, measures=["RR"], on_progress=lambda done, of: reported.append((done, of))
    )
    assert reported[-1] == (evaluation.counts.judged,) * 2
    assert reported == sorted(reported)
    assert capsys.readouterr() == ("", "")


def test_queries_without_grades_count_as_not_judged(pipeline, evaluation):
    again = evaluate(pipeline, QUERIES, QRELS | {"q18": {}})
    assert evaluation_record(again) == evaluation_record(evaluation)
