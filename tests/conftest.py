"""What tests of several packages ask for, and how many threads each of several test processes may start."""

import os

# Before numpy, torch and faiss are there. Threads that wait for a core spin: with more of them than cores, tests of
# many small calls take five times as long.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

import pytest
import torch
from hypothesis import settings

# A deadline is a timing assertion: on a busy machine it fails without a fault.
settings.register_profile("bicross", deadline=None)
settings.load_profile("bicross")


@pytest.fixture(scope="module")
def one_thread():
    """As in the processes that are killed: last digits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
