"""Faults of workers and drivers on Ray itself: the index of one process, or an error that names it and the old index.

What happens at the seam, without Ray, is in tests/index/staging, tests/pipelines/indexing/test_chunks.py and
test_scheduler.py. A thorough run kills twenty workers, and makes all the other trouble too; another run kills one.
"""

import json
import os
import random
import signal
import threading
import time
from contextlib import suppress

import pytest
from bicross.errors import ClusterError, DocumentError, IndexCorrupt, IndexModelMismatch
from bicross.index import Index
from bicross.index.staging import STAGING
from helpers.chunk_executors import TroubledEncoder
from helpers.cluster_builds import ROWS, built, files
from helpers.examples import thorough
from helpers.fakes import HashEncoder
from helpers.troubled_workers import OtherVersionEncoder, SmallDiskEncoder, UnknownEncoder, WatchedEncoder

pytestmark = pytest.mark.slow
only_thorough = pytest.mark.skipif(not thorough(), reason="each builds on Ray: a thorough run does it")

KILLS = range(20 if thorough() else 1)


def require_equal(index: Index, expected) -> None:
    assert files(index) == expected
    assert Index.verify(index.path).problems == ()


def kill_one(encoder: WatchedEncoder, chance: random.Random, ended: threading.Event, killed: list[int]) -> None:
    """Wait until workers encode, and kill one of them at a random moment."""
    while not ended.is_set() and not encoder.processes():
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 1.2))
    if not ended.is_set():
        pid = chance.choice(encoder.processes())
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)


@pytest.mark.parametrize("seed", KILLS)
def test_a_worker_that_is_killed_at_a_random_moment_changes_nothing(ray_address, source, expected, tmp_path, seed):
    encoder, ended, killed = WatchedEncoder(tmp_path / "seen", 0.15), threading.Event(), []
    encoder.folder.mkdir()
    killer = threading.Thread(target=kill_one, args=(encoder, random.Random(seed), ended, killed))
    killer.start()
    index = built(source, tmp_path / "index", encoder, workers=3)
    ended.set()
    killer.join()
    assert len(encoder.processes()) > len(killed)
    assert not (index.path / STAGING).exists()
    require_equal(index, expected)


@only_thorough
def test_a_worker_that_stands_still_is_overtaken_and_changes_nothing_when_it_wakes(
    ray_address, source, expected, tmp_path
):
    flag = tmp_path / "stopped"
    index = built(source, tmp_path / "index", TroubledEncoder("word60", "stop", flag), workers=3)
    require_equal(index, expected)
    with suppress(ProcessLookupError):  # Ray could not end it while it stood still
        os.kill(int(flag.read_text()), signal.SIGCONT)
        for _ in range(50):
            time.sleep(0.1)
            os.kill(int(flag.read_text()), 0)
    require_equal(index, expected)
    assert not (index.path / STAGING).exists()


@only_thorough
def test_a_worker_on_a_full_disk_leaves_its_chunks_to_the_others(ray_address, source, expected, tmp_path):
    encoder = SmallDiskEncoder(tmp_path / "limited")
    index = built(source, tmp_path / "index", encoder)
    assert encoder.flag.exists()
    require_equal(index, expected)


@only_thorough
def test_a_full_disk_of_all_workers_is_named_and_the_old_index_stays(ray_address, source, expected, tmp_path):
    index = built(source, tmp_path / "index", HashEncoder(dimension=16))
    with pytest.raises(ClusterError, match=r"failed 3 times: .*a\.jsonl, lines .*(File too large|No space left)"):
        built(source, index.path, SmallDiskEncoder(tmp_path / "limited"), workers=1, overwrite=True)
    require_equal(Index.open(index.path), expected)


@only_thorough
def test_a_corrupt_chunk_is_named_and_the_old_index_stays(ray_address, source, expected, tmp_path):
    path = tmp_path / "index"
    built(source, path, HashEncoder(dimension=16))
    with pytest.raises(ClusterError, match="failed 3 times"):
        built(source, path, TroubledEncoder("word60", "kill"), overwrite=True)
    damaged = sorted(path.glob(f"{STAGING}/*/documents.arrow"))[0]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(
        IndexCorrupt, match=f"the staged chunk .*{damaged.parent.name} is damaged: .* delete that folder"
    ):
        built(source, path, HashEncoder(dimension=16), overwrite=True)
    require_equal(Index.open(path), expected)
    for file in damaged.parent.iterdir():
        file.unlink()
    damaged.parent.rmdir()
    require_equal(built(source, path, HashEncoder(dimension=16), overwrite=True), expected)


@only_thorough
def test_an_id_in_two_chunks_and_a_worker_of_another_version_are_named(ray_address, source, expected, tmp_path):
    path = tmp_path / "index"
    built(source, path, HashEncoder(dimension=16))
    twice = tmp_path / "twice.jsonl"
    twice.write_text(source.read_text("utf-8") + json.dumps(ROWS[3]) + "\n", "utf-8")
    with pytest.raises(DocumentError, match=r"the id 'd3' is in .*twice\.jsonl, lines 1 to .*and in .*twice\.jsonl, l"):
        built(twice, path, HashEncoder(dimension=16), overwrite=True)
    with pytest.raises(
        IndexModelMismatch, match=r"planned by bicross .*, and the worker on .* has 0\.0\.1, .*same version"
    ):
        built(source, path, OtherVersionEncoder(), overwrite=True)
    with pytest.raises(ClusterError, match=r"its worker died \(ModuleNotFoundError: No module named 'my_encoders'\)"):
        built(source, path, UnknownEncoder(), overwrite=True)
    require_equal(Index.open(path), expected)
