"""An index for agents to search, and its server in this process."""

import pytest
from helpers.served import animals


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return animals(tmp_path_factory.mktemp("agents") / "index")
