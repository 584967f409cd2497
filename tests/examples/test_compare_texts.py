import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "compare_texts.py"


@pytest.mark.slow
def test_the_example_shows_the_order_that_people_expect(capsys):
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    meal, guitar, *ranked = lines[:5]
    assert meal.endswith("A man is eating food | A man is eating a meal")
    assert float(meal.split()[0]) > 0.9 > 0.3 > float(guitar.split()[0])
    assert [line.split("  ")[1] for line in ranked] == [
        "A man is eating food",
        "A man is eating a meal",
        "A man plays a guitar",
    ]
    assert lines[5:] == ["similar: A man is eating a meal", "different: A man plays a guitar"]
