import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "cluster_documents.py"


@pytest.mark.slow
def test_the_example_finds_both_clusters(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    labels = [line for line in lines if line.startswith("3 sentences: ")]
    assert sorted(label.removeprefix("3 sentences: ").split(", ")[0] for label in labels) == ["guitar", "vaccine"]
    assert lines[-1] == "1 of 7 sentences are in no cluster"
