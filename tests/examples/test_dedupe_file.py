import json
import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "dedupe_file.py"


@pytest.mark.slow
def test_the_example_keeps_one_of_the_three_questions_that_say_the_same(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    texts = [json.loads(line)["text"] for line in lines[-3:]]
    assert sum("guitar" in text for text in texts) == 1
    assert {"Who invented the telephone?", "What is bread made of?"} < set(texts)
    assert lines[-4].startswith("Wrote 3 of 5 documents to ") and lines[-4].endswith("left out 2 duplicates")
