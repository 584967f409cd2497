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
    systems = ["vectors", "vectors with feedback", "hybrid", "hybrid, moved query", "hybrid, smoothed"]
    assert [row["system"] for row in report["results"]] == [*systems, "hybrid with feedback"] * 2
    assert all((row["difference"] is None) == (row["system"] == "hybrid") for row in report["results"])
    assert [line["collection"] for line in report["signals"]] == ["cranfield", "scifact"]
    assert "| cranfield |" in done.stdout
