import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "rank_replies.py"


@pytest.mark.slow
def test_the_example_ranks_and_finds_the_reply_about_the_phone(capsys):
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    *ranked, query, reply = capsys.readouterr().out.splitlines()
    assert len(ranked) == 3
    assert ranked[0].endswith("Leave the wet phone off and bring it to us, so that we can dry it.")
    assert query == "user: It does not. | agent: Does it still turn on? | user: My phone fell into water."
    assert reply == "phone:1  Do not charge it. Put the phone into rice for two days."
