"""What tests of several packages ask for, how many threads each process may start, and what a quick run leaves out."""

import os
import re
import sys

# Before numpy, torch and faiss are there. Threads that wait for a core spin: with more of them than cores, tests of
# many small calls take five times as long.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
# The hub's client reads it once, when it is imported: a wrong name of a model is then not asked for in the network.
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
from hypothesis import settings

# A deadline is a timing assertion: on a busy machine it fails without a fault.
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.register_profile("bicross", settings.get_profile("thorough"), max_examples=25)
settings.register_profile("quick", settings.get_profile("thorough"), max_examples=10)
THOROUGH = os.environ.get("BICROSS_THOROUGH", "0") not in ("", "0")
settings.load_profile("thorough" if THOROUGH else "bicross")

LONGEST = "test_durability.py"
"""These tests come first: a process that begins them last is alone with them at the end of a run."""

QUICK = "not slow"
"""The mark expression of a run that leaves the slow tests out, as ``make quick`` does."""

SLOW_MODULE = re.compile(r"^pytestmark = .*\bpytest\.mark\.slow\b", re.M)


class NoModels:
    """A finder that refuses to import sentence-transformers: that alone takes ten seconds in each process."""

    def find_spec(self, name, path=None, target=None):
        if name == "sentence_transformers":
            raise RuntimeError(f"a quick test imports {name}; mark it @pytest.mark.slow")


def pytest_configure(config):
    if config.option.markexpr == QUICK:
        sys.meta_path.insert(0, NoModels())
        if not THOROUGH:
            settings.load_profile("quick")


def pytest_ignore_collect(collection_path, config):
    """A module whose ``pytestmark`` says slow is not even imported by a quick run."""
    if config.option.markexpr == QUICK and collection_path.suffix == ".py":
        return SLOW_MODULE.search(collection_path.read_text(encoding="utf-8")) is not None or None
    return None


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.fixture(scope="module")
def one_thread():
    """As in the processes that are killed: last digits depend on the number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
