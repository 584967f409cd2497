"""An index that actors of Ray build is that of one process, whatever happens to the actors and to the driver."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, ClusterError, DocumentError, IndexLocked
from bicross.index import Index
from bicross.index.staging import STAGING
from bicross.pipelines import add_documents, build_index
from bicross.pipelines.cluster import ClusterOptions
from helpers.chunk_executors import TroubledEncoder
from helpers.cluster_builds import ROWS, built, files
from helpers.fakes import HashEncoder

pytestmark = pytest.mark.slow

DRIVER = """
import sys
from pathlib import Path
from bicross.index import read_documents
from bicross.pipelines import build_index
from bicross.pipelines.cluster import ClusterOptions
from helpers.chunk_executors import TroubledEncoder

source, path, address, flag = sys.argv[1:]
cluster = ClusterOptions(address=address, workers=2, part_bytes=900)
encoder = TroubledEncoder("word115", "wait", Path(flag))
build_index(read_documents(source), path, encoder=encoder, reranker=None, cluster=cluster)
"""


def sealed_chunks(path: Path) -> dict[str, int]:
    """The chunks that are sealed, with what tells that one was written again."""
    seals = path.glob(f"{STAGING}/*/SEAL")
    return {seal.parent.name: seal.stat().st_mtime_ns for seal in seals if len(seal.parent.name) == 40}


def test_a_poisonous_chunk_is_named_and_all_others_are_kept_for_the_next_build(ray_address, source, expected, tmp_path):
    path = tmp_path / "index"
    with pytest.raises(ClusterError, match=r"one part of the source failed 3 times: .*a\.jsonl, lines .*worker died"):
        built(source, path, TroubledEncoder("word60", "kill"))
    kept = sealed_chunks(path)
    assert len(kept) > 5
    assert not (path / "MANIFEST").exists()
    # This time the worker has a full disk there, once; what is sealed would kill it, if it were made again.
    index = built(source, path, TroubledEncoder("word60", "full", tmp_path / "full"), workers=1)
    assert (tmp_path / "full").exists()
    assert files(index) == expected


def test_the_driver_is_killed_and_the_next_one_goes_on_while_a_second_one_is_refused(
    ray_address, source, expected, tmp_path
):
    path, flag = tmp_path / "index", tmp_path / "go on"
    command = [sys.executable, "-c", DRIVER, str(source), str(path), ray_address, str(flag)]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as driver:
        deadline = time.monotonic() + 120
        while len(sealed_chunks(path)) < 8:
            assert driver.poll() is None, driver.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises(IndexLocked, match=f"is being written to by process {driver.pid}"):
            built(source, path, HashEncoder(dimension=16))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    before = sealed_chunks(path)
    assert not (path / "MANIFEST").exists()
    # What is sealed has the word that kills; what the driver had not finished has not.
    index = built(source, path, TroubledEncoder("word1", "kill"), workers=1)
    assert files(index) == expected
    assert len(before) >= 8


def test_documents_are_added_and_double_ids_are_refused(ray_address, source, tmp_path):
    encoder = HashEncoder(dimension=16)
    build_index(ROWS[:3], tmp_path / "index", encoder=encoder, reranker=None)
    cluster = ClusterOptions(address=ray_address, workers=1, part_bytes=9000)
    assert add_documents(tmp_path / "index", ROWS[3:40], encoder=encoder, cluster=cluster) == 37
    with pytest.raises(DocumentError, match="the id 'd39' is in the index and in documents 1 to 2"):
        add_documents(tmp_path / "index", ROWS[39:41], encoder=encoder, cluster=cluster)
    assert len(Index.open(tmp_path / "index")) == 40


def test_options_are_checked():
    for name, value in {"workers": 0, "part_bytes": -1, "cpus": -1.0, "gpus": "all", "dtype": "float8"}.items():
        with pytest.raises(ArgumentError, match=f"{name}|float8"):
            ClusterOptions(**{name: value})
    for address in ("", 5):
        with pytest.raises(ArgumentError, match="address must be HOST:PORT"):
            ClusterOptions(address=address)
    with pytest.raises(ArgumentError, match="dtype='auto' may differ between machines, and such vectors do not mix"):
        ClusterOptions(dtype="auto")
