"""A pipeline is searched in other processes, however these are started."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.examples import thorough
from helpers.process_pools import prepare

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parents[2] / "helpers" / "process_pools.py"
METHODS = [name for name in multiprocessing.get_all_start_methods() if thorough() or name != "forkserver"]
"""A server of forks has imported nothing of ours: its processes begin as those of ``spawn``."""
SECONDS = 400  # not a measurement: processes that wait for ever must not hold the tests


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pipeline")
    prepare(path)
    return path


def test_pools_of_processes_answer_as_their_parent_does(folder):
    """``BICROSS_SEARCHES=800`` makes 200 for each of four processes."""
    many = thorough() or "BICROSS_SEARCHES" in os.environ
    # Each process that is not forked imports torch.
    pools = [f"{method}:{4 if many or method == 'fork' else 1}" for method in METHODS]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = str(PROGRAM.parents[1])
    command = [sys.executable, str(PROGRAM), str(folder), os.environ.get("BICROSS_SEARCHES", "50"), *pools]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as program:
        try:
            out, err = program.communicate(timeout=SECONDS)
        finally:
            if program.poll() is None:
                os.killpg(program.pid, 9)
    assert out.splitlines() == [f"{pool} equal" for pool in pools], err
