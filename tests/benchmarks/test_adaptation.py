"""The script from its beginning to its end, on next to nothing."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_each_way_of_adapting_is_measured_alone_and_reranked(small, run_script, tmp_path):
    models = ["--encoder", small.encoder, "--reranker", small.reranker, "--dtype", "float32"]
    effort = ["--steps", 2, "--limit", 40, "--lists-per-step", 4, "--max-length", 32, "--depth", 4]
    effort += ["--average", 1, 0.25]
    process = run_script("adaptation.py", small.data / "cranfield", *models, *effort, "--output", tmp_path / "out.json")
    assert process.returncode == 0, process.stderr
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    ways = [(name, share) for name in ("all pairs", "believed pairs", "distilled") for share in (1.0, 0.25)]
    assert [(row["encoder"], row["average"], row["system"]) for row in rows] == [
        (*way, system) for way in [("as it comes", None), *ways] for system in ("first stage", "reranked")
    ]
    before = {row["system"]: row["means"]["nDCG@10"]["mean"] for row in rows[:2]}
    for row in rows:
        mean = row["means"]["nDCG@10"]["mean"]
        assert 0 < mean < 1
        assert row["queries"] == 6
        if row["encoder"] == "as it comes":
            assert (row["lists"], row["difference"]) == (0, None)
        else:
            assert 0 < row["lists"] < 40
            assert row["difference"]["mean"] == pytest.approx(mean - before[row["system"]], abs=1e-9)
    assert "| cranfield | 6 | distilled from the reranker | 0.25 | reranked |" in process.stdout
