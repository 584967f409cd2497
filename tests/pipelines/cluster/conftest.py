"""Tests of what runs on Ray skip where it is not installed, and share one Ray."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bicross.index import read_documents
from bicross.pipelines import build_index
from helpers.cluster_builds import ROWS, files
from helpers.fakes import HashEncoder
from helpers.local_ray import local_ray


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """The address of a Ray that the test process is connected to."""
    pytest.importorskip("ray")
    with local_ray() as address:
        yield address


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A file of some chunks."""
    path = tmp_path_factory.mktemp("source") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


@pytest.fixture(scope="session")
def expected(source, tmp_path_factory) -> list[dict[str, bytes]]:
    """The files of the index that one process builds of it."""
    path = tmp_path_factory.mktemp("one") / "index"
    return files(build_index(read_documents(source), path, encoder=HashEncoder(dimension=16), reranker=None))
