"""What becomes of the errors of actors: one line that names the reason."""

import pytest
from bicross.pipelines.cluster.actor_errors import death_of

BEGINNING = """The actor died because of an error raised in its creation task, \x1b[36mray::Actor.__init__()\x1b[39m
  File "worker.py", line 7, in load
ModuleNotFoundError: No module named 'my_encoders'
"""
KILLED = "The actor died unexpectedly before finishing this task.\n\tclass_name: ChunkActor\n\tactor_id: 0a1b"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (BEGINNING, "ModuleNotFoundError: No module named 'my_encoders'"),
        (KILLED, "The actor died unexpectedly before finishing this task."),
        ("", "RuntimeError"),
    ],
)
def test_the_reason_of_a_death_is_one_line(message, reason):
    assert death_of(RuntimeError(message)) == reason
