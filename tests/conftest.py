"""What tests of several packages ask for."""

import pytest
import torch


@pytest.fixture(scope="module")
def one_thread():
    """As in the processes that are killed: last digits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
