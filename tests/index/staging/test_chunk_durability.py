"""A sealed chunk is not lost, and an adoption is whole or has not happened: whatever fails, dies, or loses power."""

import os
import random
import uuid
from contextlib import contextmanager

import pytest
from bicross.errors import IndexNotFound, IndexStoreError
from bicross.index import Index
from bicross.index.staging import adopt_new, plan, sealed, write_chunk
from helpers.examples import thorough
from helpers.faults import every_fault
from helpers.power_cuts import RecordingFilesystem, every_power_cut, syncs_not_missed
from helpers.toy_chunks import SETTINGS, batches, parts
from helpers.toy_collections import record

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")]

RECORDS = [record(number) for number in range(3)]
[CHUNK] = plan(parts(1), SETTINGS)
MOST = None if thorough() else 1


def build(path, filesystem=None, acknowledge=lambda state: None):
    write_chunk(path, CHUNK.name, batches(RECORDS, 2), SETTINGS, filesystem=filesystem)
    acknowledge("sealed")
    adopt_new(path, [CHUNK.name], SETTINGS, overwrite=True, filesystem=filesystem)
    acknowledge("adopted")


@contextmanager
def same_names():
    chance = random.Random(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("uuid.uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4))
        yield


def check_state(path, acknowledged):
    """What was acknowledged is there; what was not can be done, and no half of a chunk is in the way."""
    chunks = sealed(path, [CHUNK.name])
    assert [chunk.documents for chunk in chunks.values()] in ([], [3])
    try:
        held = [document.id for document in Index.open(path).documents()]
        assert held == [r.document.id for r in RECORDS]
    except IndexNotFound:
        assert acknowledged != "adopted"
        assert chunks or acknowledged is None
    build(path)
    assert [document.id for document in Index.open(path).documents()] == [r.document.id for r in RECORDS]
    assert Index.verify(path).problems == ()


def test_a_fault_while_a_chunk_is_written_and_adopted():
    def operation(path, filesystem):
        with same_names():
            build(path, filesystem, filesystem.acknowledge)

    def check(path, outcome):
        if outcome.error is not None:
            assert isinstance(outcome.error, (OSError, IndexStoreError)), repr(outcome.error)
        check_state(path, outcome.acknowledged)

    assert every_fault(operation, check, passed=set(), most=MOST) > 40


def test_a_power_cut_loses_no_chunk_and_no_fsync_is_for_show(tmp_path):
    filesystem = RecordingFilesystem(tmp_path / "index")
    build(filesystem.path, filesystem, filesystem.acknowledge)
    filesystem.assert_complete()
    passed = set()
    assert every_power_cut(filesystem, check_state, passed=passed, most=MOST) > 50
    empty = ["fsync_folder tombstones", "fsync_folder quantisers"]
    assert sorted(syncs_not_missed(filesystem, check_state, passed={check_state: passed}, most=MOST)) == sorted(empty)
