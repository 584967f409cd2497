import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "answer_questions.py"


@pytest.mark.slow
def test_the_example_answers_what_its_documents_say(capsys):
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    for question, start in [
        ("Who discovered", "Alexander Fleming ("),
        ("When was", "1889 ("),
        ("What do honey", "nectar ("),
    ]:
        [row] = [number for number, line in enumerate(lines) if line.startswith(question)]
        assert lines[row + 1].startswith(f"  {start}")
    assert lines[-1] == "  no answer"
