import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "find_duplicates.py"


@pytest.mark.slow
def test_the_example_finds_both_groups(capsys):
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    texts = [line.strip().split("  ", 1)[-1] if line.startswith(" ") else line for line in lines[:-1]]
    assert sum("guitar" in text for text in texts) == 3
    assert sum("telephone" in text for text in texts) == 3
    assert not any("bread" in text for text in texts)
    assert lines[-1] == "4 of 7 questions can be dropped"
