"""The benchmark of one order per input: what it takes away comes back, and the script runs to its end."""

import json
from importlib import import_module

import pytest
import torch
from one_order import free, other_bits

pytestmark = pytest.mark.slow


def test_what_is_taken_away_comes_back():
    attention = import_module("bicross.inference.packed.layers.attention")
    engine = import_module("bicross.inference.packed.engine")
    with pytest.raises(KeyError), free():
        assert attention.few_filled_up(5, torch.device("cpu")) is None
        assert engine.PackedEncoder.on_cpu is False
        raise KeyError
    assert attention.few_filled_up(5, torch.device("cpu")).tolist() == [0, 1, 2, 3, *[4] * 12]
    assert isinstance(engine.PackedEncoder.on_cpu, property)


def test_other_bits_are_counted():
    import numpy as np

    def score(pairs):
        return np.array([len(passage) + (len(pairs) > 1 and passage == "b") for _, passage in pairs], np.float32)

    assert other_bits(score, [("q", "a"), ("q", "b"), ("q", "ccc"), ("q", "b")]) == 2


def test_rerankers_are_timed_as_they_are_and_without(run_script, tmp_path):
    path = tmp_path / "out.json"
    small = ["--tiny", "--layers", 2, "--candidates", 1, 5, "--rounds", 2, "--threads", 1]
    families = ["--family", "DeBERTa-v2", "--family", "Qwen3 reranker"]
    done = run_script("one_order.py", *small, *families, "--output", path)
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text())
    assert [family["family"] for family in report["families"]] == ["DeBERTa-v2", "Qwen3 reranker"]
    for family in report["families"]:
        assert [row["candidates"] for row in family["rows"]] == [1, 5]
        for row in family["rows"]:
            assert set(row["variants"]) == {"as it is", "without"}
            assert row["variants"]["as it is"]["other_bits"] == 0
            assert all(len(figures["seconds"]) == 2 for figures in row["variants"].values())
            assert row["added"] > -1
        assert f"| {family['family']} |" in done.stdout
