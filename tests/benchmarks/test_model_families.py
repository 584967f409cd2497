"""The script from its beginning to its end, on models of a handful of units."""

import json

import pytest

pytestmark = pytest.mark.slow
SMALL = ("--tiny", "--layers", 1, "--pairs", 3, "--rounds", 2, "--threads", 1)


def test_a_run_continues_where_one_ended(run_script, tmp_path):
    path = tmp_path / "out.json"
    first = run_script("model_families.py", *SMALL, "--family", "MPNet", "--output", path)
    assert first.returncode == 0, first.stderr
    kept = json.loads(path.read_text())["families"]
    both = run_script("model_families.py", *SMALL, "--family", "Qwen2 reranker", "--family", "MPNet", "--output", path)
    assert both.returncode == 0, both.stderr
    assert "MPNet: measured before" in both.stderr
    families = json.loads(path.read_text())["families"]
    assert families[:1] == kept
    assert [family["family"] for family in families] == ["MPNet", "Qwen2 reranker"]
    for family in families:
        assert family["texts"] == 3
        assert family["spread"] > 0, "the model tells the texts apart"
        assert family["layers"] == 1 < family["published_layers"]
        assert family["packed"] == {"float32": True, "bfloat16": True}
        ours = family["variants"]["bicross float32"]
        assert ours["largest_difference"] < 1e-4 * family["spread"]
        assert len(ours["seconds"]) == 2
        assert family["family"] in both.stdout
    other = run_script("model_families.py", *SMALL[:-2], "--family", "MPNet", "--output", path)
    assert other.returncode == 1
    assert "has figures of other settings" in other.stderr
