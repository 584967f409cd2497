"""The benchmark of a reranker: targets, remembered scores, and that it runs to its end."""

import json

import numpy as np
import pytest
from bicross.rerank import IdentifiedReranker
from helpers.fakes import OverlapReranker
from parts.quality_bench import RECORD, RememberedReranker
from reranker import DENSE, HYBRID, Target

PAIRS = [("who sleeps ?", "the cat sleeps"), ("dog", "a dog runs in the park"), ("owl", ""), ("dog", "owl")]


class Counting:
    """Passes on what it is asked, and counts."""

    blend, fingerprint, model_fingerprint = 0.5, "one-float32", "one"

    def __init__(self, model):
        self.model, self.calls = model, []

    def score(self, pairs):
        self.calls.append(list(pairs))
        return self.model.score(pairs)


@pytest.fixture
def model():
    return OverlapReranker()


def test_scores_are_the_rerankers_own_and_each_pair_is_read_once(model, tmp_path):
    counting, expected = Counting(model), model.score(PAIRS)
    remembered = RememberedReranker(counting, tmp_path / "scores")
    assert isinstance(remembered, IdentifiedReranker)
    np.testing.assert_allclose(remembered.score(PAIRS[:2]), expected[:2], atol=1e-5)
    first = remembered.score([*PAIRS, PAIRS[0], PAIRS[3]])
    assert counting.calls == [PAIRS[:2], PAIRS[2:]]
    np.testing.assert_allclose(first, [*expected, expected[0], expected[3]], atol=1e-5)
    again = RememberedReranker(Counting(None), tmp_path / "scores")  # it would fail if it were asked
    assert again.score([*PAIRS, PAIRS[0], PAIRS[3]]).tobytes() == first.tobytes()
    assert again.score([]).shape == (0,)
    assert (again.blend, again.fingerprint, again.model_fingerprint) == (0.5, "one-float32", "one")


def test_another_reranker_shares_nothing(model, tmp_path):
    RememberedReranker(Counting(model), tmp_path).score(PAIRS)
    other = Counting(model)
    other.fingerprint = "two-float32"
    RememberedReranker(other, tmp_path).score(PAIRS)
    assert other.calls == [PAIRS]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("cut", range(1, RECORD))
def test_a_record_that_a_kill_cut_is_read_again(model, tmp_path, cut):
    expected = RememberedReranker(Counting(model), tmp_path).score(PAIRS)
    [path] = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    counting = Counting(model)
    np.testing.assert_allclose(RememberedReranker(counting, tmp_path).score(PAIRS), expected, atol=1e-5)
    assert counting.calls == [PAIRS[3:]]
    assert len(path.read_bytes()) == len(content)


def test_targets_are_a_height_or_a_gain():
    height, gain = DENSE["scifact"], HYBRID
    assert (str(height), str(gain)) == ("at least 0.72", "+0.01")
    assert height.met(0.72, 0.0)
    assert not height.met(0.7199, 0.2)
    assert gain.met(0.1, 0.01)
    assert not gain.met(0.9, 0.0099)
    assert {name: str(target) for name, target in DENSE.items()} == {
        "scifact": "at least 0.72",
        "nfcorpus": "at least 0.335",
        "cranfield": "+0.03",
        "squad-dev": "+0.05",
        "cosqa": "+0.05",
    }
    assert not Target(least=0.5, gain=0.1).met(0.6, 0.05)


@pytest.mark.slow
def test_the_script_measures_both_stages_and_a_second_run_reads_nothing(small, run_script, tmp_path):
    folders = [small.data / "scifact", small.data / "medquad-qa"]
    models = ["--reranker", small.reranker, "--encoder", small.encoder]
    outputs = ["--scores", tmp_path / "scores", "--output", tmp_path / "out.json"]
    process = run_script("reranker.py", *folders, *models, *outputs, "--no-tuned", "--long-documents")
    assert process.returncode == 0, process.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    rows = {(row["collection"], row["system"]): row for row in report["results"]}
    ways = ("vectors", "hybrid", "default", "hybrid, best of three")
    systems = [system for way in ways for system in (way, f"{way}, reranked")]
    assert list(rows) == [(folder.name, system) for folder in folders for system in systems]
    for (collection, system), row in rows.items():
        assert row["queries"] == 6
        assert (row["difference"] is not None) == system.endswith("reranked")
        assert (row["met"] is not None) == (collection == "scifact" and system.endswith("reranked"))
        if row["difference"]:
            before = rows[collection, system.removesuffix(", reranked")]["means"]["nDCG@10"]["mean"]
            assert row["difference"]["mean"] == pytest.approx(row["means"]["nDCG@10"]["mean"] - before)
    [path] = (tmp_path / "scores").iterdir()
    stored_scores, results = path.read_bytes(), report["results"]
    again = ("--way", "default", "--way", "vectors")
    process = run_script("reranker.py", *folders, *models, *outputs, "--no-tuned", *again)
    assert process.returncode == 0, process.stderr
    assert path.read_bytes() == stored_scores
    expected = [row for row in results if row["system"].split(",")[0] in again]
    assert json.loads((tmp_path / "out.json").read_text())["results"] == expected
    assert "scores" not in report["settings"]


@pytest.mark.slow
def test_the_time_of_looking_scores_up_is_not_measured(small, run_script, tmp_path):
    process = run_script("quality.py", small.data / "scifact", "--scores", tmp_path, "--latency-queries", "2")
    assert process.returncode == 2
    assert "--latency-queries would measure how fast --scores are looked up" in process.stderr
