import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_pairs.py"


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_example_learns_what_its_pairs_say(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    quality, saved, same, other = capsys.readouterr().out.splitlines()
    assert quality.startswith("On 7 held-out pairs: accuracy ")
    assert saved.startswith("Saved the model of step ")
    assert float(same.split()[0]) > 0.5 > float(other.split()[0])
