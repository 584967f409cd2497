import pytest
from bicross.errors import ArgumentError
from bicross.training import RankingList
from bicross.training.encoders import EncoderObjective
from bicross.training.encoders.rows import TrainingRow, training_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = [f"passage {n}" for n in range(12)]


@st.composite
def graded_lists(draw):
    lists = []
    for number in range(draw(st.integers(2, 5))):
        passages = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
        labels = [
            1.0,
            *draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(passages) - 1, max_size=len(passages) - 1)),
        ]
        lists.append(RankingList(f"query {number}", tuple(passages), tuple(labels)))
    return lists


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graded_lists(), st.integers(1, 5), st.integers(0, 3))
def test_each_relevant_passage_leads_a_row_of_irrelevant_ones(lists, passages, seed):
    relevant = {
        ranking.query: {p for p, label in zip(ranking.passages, ranking.labels, strict=True) if label}
        for ranking in lists
    }
    pool = {passage for ranking in lists for passage in ranking.passages}
    objective = EncoderObjective(passages=passages)
    if any(right == pool for right in relevant.values()):
        with pytest.raises(ArgumentError, match=f"all {len(pool)} passages are relevant to one query"):
            training_rows(lists, objective, seed=seed)
        return
    rows = training_rows(lists, objective, seed=seed)
    assert rows == training_rows(lists, objective, seed=seed)
    assert {(row.query, row.passages[0]) for row in rows} == {(q, p) for q, right in relevant.items() for p in right}
    assert len({len(row.passages) for row in rows}) == 1
    assert 1 <= len(rows[0].passages) <= passages
    for row in rows:
        own = next(ranking for ranking in lists if ranking.query == row.query)
        wrong = [p for p in own.passages if p not in relevant[row.query]]
        negatives = list(row.passages[1:])
        assert negatives[: len(wrong)] == wrong[: len(negatives)]  # its own first, nearest first
        assert len(set(negatives)) == len(negatives)
        assert not set(negatives) & relevant[row.query]


def test_a_teachers_list_is_read_from_top_to_bottom():
    scores = (0.5, 9.0, -3.0, 2.0, 1.0, -7.0, 4.0)
    ranking = RankingList("query", tuple(map(str, scores)), scores)
    for loss in ("margin-mse", "kl"):
        (row,) = training_rows([ranking], EncoderObjective(loss=loss, passages=4), seed=0)
        assert row == TrainingRow("query", ("9.0", "2.0", "0.5", "-7.0"), (9.0, 2.0, 0.5, -7.0))
    (all_of_it,) = training_rows([ranking], EncoderObjective(loss="kl", passages=20), seed=0)
    assert all_of_it.scores == tuple(sorted(scores, reverse=True))


def test_all_rows_have_what_the_shortest_list_has():
    lists = [RankingList(f"q{n}", tuple(NAMES[:n]), tuple(map(float, range(n)))) for n in (1, 3, 6)]
    rows = training_rows(lists, EncoderObjective(loss="kl", passages=5), seed=0)
    assert [(row.query, len(row.passages)) for row in rows] == [("q3", 3), ("q6", 3)]


@pytest.mark.parametrize(("loss", "missing"), [("multiple-negatives", "a relevant passage"), ("kl", "two passages")])
def test_nothing_to_train_on(loss, missing):
    lists = [RankingList("query", ("one",), (0.0,))]
    with pytest.raises(ArgumentError, match=f"none of the 1 lists has {missing}"):
        training_rows(lists, EncoderObjective(loss=loss), seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, "one of multiple-negatives, margin-mse, kl, not 'mse'"),
        ({"loss": "kl", "passages": 1}, "passages=1 are too few for kl"),
        ({"passages": 0}, "passages=0 are too few"),
        ({"scale": 0.0}, "scale must be above 0, not 0.0"),
        ({"mini_batch": 0}, "mini_batch must be at least 1, not 0"),
        ({"average": 0.0}, "above 0 to 1, not 0.0"),
        ({"average": 1.5}, "above 0 to 1, not 1.5"),
        ({"loss": "kl", "mini_batch": 8}, "mini_batch=8 is only for the loss multiple-negatives, not kl"),
    ],
)
def test_objectives_that_mean_nothing(options, message):
    with pytest.raises(ArgumentError, match=message):
        EncoderObjective(**options)
