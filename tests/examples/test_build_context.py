import re
import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "build_context.py"


@pytest.mark.slow
def test_the_example_gives_passages_within_the_budget_and_none_twice(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    out = capsys.readouterr().out
    assert out.count("A vaccine trains the immune system") == 1
    assert "Bread" not in out
    [size] = re.findall(r"^(\d+) of 60 tokens$", out, re.MULTILINE)
    assert 0 < int(size) <= 60
