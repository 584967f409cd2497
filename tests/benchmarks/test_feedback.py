"""The benchmark of feedback: what its signals are, and that the script runs to its end."""

import json

import pytest
from bicross.index import Document, Hit, Passage
from feedback import signals_of


class Found:
    """A retriever with the same candidates for every query: cosines, and BM25."""

    def candidates(self, queries, k):
        scores = [(1.0, 0.0), (0.5, 3.0), (0.0, 1.0)]
        hits = [
            Hit(Document(f"d{n}", "x"), Passage("x", 0, 1), dense, dense_score=dense, lexical_score=lexical)
            for n, (dense, lexical) in enumerate(scores)
        ]
        return [hits[:k] for _ in queries]


def test_signals_by_hand():
    signals = signals_of("tiny", Found(), ["a", "b"])
    assert signals.agreement == pytest.approx(2 / 3)
    assert signals.dense_spread == pytest.approx((1 / 6) ** 0.5 / 0.5)
    assert signals.lexical_spread == pytest.approx(0.5)


@pytest.mark.slow
def test_the_script_compares_first_stages(run_script, small, tmp_path):
    output = tmp_path / "feedback.json"
    folders = [small.data / name for name in ("cranfield", "scifact")]
    done = run_script("feedback.py", *folders, "--encoder", small.encoder, "--scratch", tmp_path, "--output", output)
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    shares = ["hybrid with feedback", "shares of the terms", "shares of the terms with feedback"]
    systems = ["vectors", "vectors with feedback", "hybrid", "hybrid, moved query", "hybrid, smoothed"]
    assert [row["system"] for row in report["results"]] == [*systems, *shares] * 2
    assert all((row["difference"] is None) == (row["system"] == "hybrid") for row in report["results"])
    assert [line["collection"] for line in report["signals"]] == ["cranfield", "scifact"]
    assert "| cranfield |" in done.stdout


@pytest.mark.slow
def test_first_stages_are_timed_with_feedback_and_without(run_script, small, tmp_path, monkeypatch):
    from parts.duplicates import texts

    monkeypatch.setattr(texts, "PAIRS", ())
    monkeypatch.setattr(texts, "QUERIES", ("squad-dev",))
    monkeypatch.setattr(texts, "SENTENCES", ("squad-dev",))
    options = ["--size", 110, "--encoder", small.encoder, "--rounds", 2, "--queries", 2, "--threads", 1]
    done = run_script("feedback_speed.py", small.data, *options, "--output", tmp_path / "speed.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "speed.json").read_text())
    assert report["documents"] == 110
    for name, figures in report["first_stages"].items():
        assert 0 < figures["p50_ms"] <= figures["p95_ms"]
        assert (figures["added"] is None) == (name in ("vectors", "hybrid"))
        assert f"| {name} |" in done.stdout
