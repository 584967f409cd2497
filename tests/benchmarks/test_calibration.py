"""The benchmark of calibration: its errors by hand, pairs that are not related, and that the script runs to its end."""

import json
import random
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from bicross.pipelines import Judged
from bicross.rerank import calibration_from_dict
from calibration import noise, row_of, unrelated_pairs


@dataclass(frozen=True)
class Found:
    """What a row needs to know of a result."""

    id: str
    rank: int
    relevance: float

    @property
    def document(self):
        return SimpleNamespace(id=self.id)


def test_errors_by_hand():
    judged = Judged("two", {"q": "a", "r": "b"}, {"q": {"d0": 1, "d1": 0}, "r": {"d5": 2}})
    found = [Found(f"d{n}", n + 1, 0.9 if n == 0 else 0.1) for n in range(20)]
    row = row_of("two", "sigmoid", [("q", found), ("r", found)], judged)
    assert (row.collection, row.queries, row.curve) == ("two", 2, "sigmoid")
    assert row.relevant == 2 / 40
    assert row.relevant_first == 2 / 20
    assert row.error == pytest.approx((2 * abs(0.9 - 1 / 2) + 38 * abs(0.1 - 1 / 38)) / 40)
    assert row.error_first == pytest.approx((2 * abs(0.9 - 1 / 2) + 18 * abs(0.1 - 1 / 18)) / 20)


def test_unrelated_pairs_are_the_same_in_every_run():
    queries, passages = ["one", "two"], ["first text", "second text" * 200]
    pairs = unrelated_pairs(queries, passages)
    assert pairs == unrelated_pairs(queries, passages)
    assert len(pairs) == 5
    assert {len(of_kind) for of_kind in pairs.values()} == {50}
    for query, passage in pairs["a document drawn at random"]:
        assert query in queries
        assert passage in ("first text", ("second text" * 200)[:1000])
    assert all(2 <= len(word) <= 9 for word in noise(random.Random(1), 30).split())


@pytest.mark.slow
def test_the_script_measures_and_fits(run_script, small, tmp_path, monkeypatch):
    models = ["--encoder", small.encoder, "--reranker", small.reranker]
    kept = ["--scratch", tmp_path / "indexes", "--scores", tmp_path / "scores"]
    done = run_script("calibration.py", small.data / "cranfield", *models, *kept, "--output", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    assert [(row["curve"], row["queries"]) for row in report["results"]] == [("sigmoid", 6), ("calibrated", 6)]
    plain, own = report["results"]
    assert report["calibration"] is None
    assert own == {**plain, "curve": "calibrated"}
    assert len(report["unrelated"]) == 5
    assert all(row["sigmoid"] == row["calibrated"] >= row["middle"] for row in report["unrelated"])
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    settings = {"base": "b", "base_sha256": "0", "adapter_sha256": "0", "scale": 1.0, "blend": 0.4}
    (adapter / "adapter.json").write_text(json.dumps(settings))
    from parts import judged

    monkeypatch.setattr(judged, "CALIBRATED_ON", (judged.Part("cosqa", "test"), judged.Part("scifact", "test")))
    done = run_script("calibration.py", small.data, *models, *kept, "--fit", adapter)
    assert done.returncode == 0, done.stderr
    written = json.loads((adapter / "adapter.json").read_text())
    assert {name: written[name] for name in settings} == settings
    assert str(calibration_from_dict(written["calibration"])) in done.stdout
