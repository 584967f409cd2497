"""Tests of what runs on Ray skip where it is not installed, and share one Ray."""

from collections.abc import Iterator

import pytest
from helpers.local_ray import local_ray


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """The address of a Ray that the test process is connected to."""
    pytest.importorskip("ray")
    with local_ray() as address:
        yield address
