import json

import numpy as np
import pytest
import tuning
from bicross.pipelines.tuning import Configuration
from bicross.retrieval import Feedback, NormalisedSum, ReciprocalRank, TermShare
from parts.tuning_values import Values, read_queries, read_values, write_values

SETTINGS = (
    Configuration(None, 0, 1.0),
    Configuration(NormalisedSum(), 0, 1.0),
    Configuration(TermShare(), 0, 1.0, Feedback()),
    Configuration(ReciprocalRank(), 0, 1.0),
    Configuration(None, 100, 0.4),
    Configuration(NormalisedSum(), 100, 0.4),
    Configuration(TermShare(), 100, 0.4, Feedback()),
)


def values(gains, *, queries=80, noise=0.05, settings=SETTINGS):
    random = np.random.default_rng(1)
    base = random.random(queries)
    ndcg = np.stack([base + gain + random.normal(0, noise, queries) for gain in gains])
    return Values("words", tuple(map(str, range(queries))), settings[: len(gains)], ndcg)


def test_values_are_read_as_they_were_written(tmp_path):
    written = values([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    write_values(tmp_path / "file.npz", written)
    read = read_values(tmp_path / "file.npz")
    assert (read.collection, read.queries, read.configurations) == ("words", written.queries, SETTINGS)
    np.testing.assert_array_equal(read.ndcg, written.ndcg)


def test_what_is_chosen_is_measured_on_the_other_queries():
    """Hybrid gains 0.2 over vectors, so it is taken from 20 queries on, and the hybrid default stays."""
    rows = list(tuning.rows_of(values([0.0, 0.2, 0.1]), blend=0.4, draws=5))
    assert [(row.default, row.drawn) for row in rows] == [
        (default, drawn) for default in ("vectors", "hybrid", "a new index") for drawn in (20, 50)
    ]
    for row in rows[:2]:
        assert row.gains["tune"] == pytest.approx(0.2, abs=0.03)
        assert (row.settings, row.queries, row.changed) == ("first stage", 80, 1.0)
        assert 0 < row.expected < 0.2
    for row in rows[2:4]:
        assert (row.gains["tune"], row.changed, row.error, row.expected) == (0, 0, 0, 0)
    assert rows == list(tuning.rows_of(values([0.0, 0.2, 0.1]), blend=0.4, draws=5)), "nothing is left to chance"


def test_with_the_reranker_the_default_reranks():
    rows = list(tuning.rows_of(values([0.0, 0.1, 0.1, 0.0, 0.1, 0.3, 0.2]), blend=0.4, draws=3))
    assert {row.settings for row in rows} == {"reranked"}
    assert [round(row.possible, 1) for row in rows] == [0.2, 0.2, 0.0, 0.0, 0.1, 0.1]
    assert [row.changed for row in rows[:4]] == [1.0, 1.0, 0.0, 0.0]


def test_rules_choose_by_mean_and_by_cost():
    sure = values([0.0, 0.1, 0.3, 0.3, 0.3], noise=0.0)
    chosen = tuning.chosen_rows(sure.ndcg, sure, tuning.Defaults(default=4, alone=0, plain=0))
    assert chosen["tune"] == 4, "equally good as the default is no gain"
    assert chosen["cheapest within one standard error"] == 3


@pytest.mark.slow
def test_queries_of_all_parts_in_a_fixed_order(small):
    judged = read_queries(small.data / "cranfield")
    assert list(judged.qrels) == list(read_queries(small.data / "cranfield").qrels)
    assert set(read_queries(small.data / "cranfield", 3).qrels) <= set(judged.qrels)


@pytest.mark.slow
def test_the_script_keeps_values_and_measures(run_script, small, tmp_path):
    output, options = tmp_path / "tuning.json", ["--values", tmp_path / "values", "--draws", 2, "--depth", 10]
    options += ["--encoder", small.encoder, "--reranker", small.reranker, "--scratch", tmp_path / "indexes"]
    done = run_script("tuning.py", small.data / "cranfield", *options, "--output", output)
    assert done.returncode == 0, done.stderr
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "values").iterdir()}
    assert set(kept) == {"cranfield-first.npz", "cranfield-reranked.npz"}
    assert json.loads(output.read_text())["rows"] == [], "six queries are too few to draw twenty of"
    assert read_values(tmp_path / "values" / "cranfield-first.npz").ndcg.shape == (18, 6)
    again = run_script("tuning.py", small.data / "cranfield", *options)
    assert again.returncode == 0, again.stderr
    assert kept == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "values").iterdir()}
