"""The harnesses of faults.py, power_cuts.py and crash_workers.py, on a store that is right and on ones that are not."""

import json
import os
import time
from pathlib import Path

import pytest
from helpers.crash_workers import kill_loop
from helpers.faults import Fault, FaultyFilesystem, every_fault, scratch_folder
from helpers.forks import forked
from helpers.power_cuts import RecordingFilesystem, every_power_cut, syncs_not_missed
from helpers.toy_store import ToyStore

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")]

STATES = [{}, {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}, {"b": "3", "c": "4"}, {"b": "3", "c": "4"}]
STEPS = [
    lambda store: store.put({"a": "1", "b": "2"}),
    lambda store: store.put({"b": "3", "c": "4"}),
    lambda store: store.put({"a": None}),
    lambda store: store.compact(),
]


def store_after(path, steps, *, kind=ToyStore):
    ToyStore.create(path)
    store = kind(path)
    for step in STEPS[:steps]:
        step(store)
    return path


def run(path, filesystem, *, steps=STEPS, kind=ToyStore):
    """All of it, with an acknowledgement after each step."""
    kind.create(path, filesystem)
    filesystem.acknowledge(0)
    for number, step in enumerate(steps, 1):
        step(kind(path, filesystem))
        filesystem.acknowledge(number)


def check_cut(path, acknowledged):
    if acknowledged is None and not (path / "MANIFEST").exists():
        return
    first = acknowledged or 0
    assert ToyStore(path).contents() in STATES[first : first + 2]
    ToyStore(path).put({"z": "9"})
    assert ToyStore(path).contents()["z"] == "9"
    assert_no_orphans(path)


def check_rollback(path, acknowledged):
    """As above, and every older generation that is retained can be had again."""
    if acknowledged is None and not (path / "MANIFEST").exists():
        return
    opened = ToyStore(path)
    for generation in range(opened.generation if opened.generation < 4 else 0):
        store = ToyStore(path)
        store.rollback(generation)
        assert store.contents() == STATES[generation]


def assert_no_orphans(path):
    manifests = [json.loads(file.read_bytes()) for file in path.glob("MANIFEST*")]
    listed = {name for manifest in manifests for name in manifest["segments"]}
    assert {folder.name for folder in (path / "segments").iterdir()} <= listed
    assert not list(path.rglob("*.tmp"))


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_every_fault_finds_nothing_in_a_store_that_is_right(tmp_path, step):
    start = store_after(tmp_path / "start", step)

    def check(path, outcome):
        if outcome.error is not None:
            assert isinstance(outcome.error, OSError)
        if outcome.error is None and not outcome.killed:
            assert outcome.acknowledged == "done"
        contents = ToyStore(path).contents()
        assert contents in ([STATES[step + 1]] if outcome.acknowledged else STATES[step : step + 2])
        STEPS[step](ToyStore(path))
        assert ToyStore(path).contents() == STATES[step + 1]
        assert_no_orphans(path)

    def operation(path, filesystem):
        STEPS[step](ToyStore(path, filesystem))
        filesystem.acknowledge("done")

    assert every_fault(operation, check, start=start) > 50


def test_every_fault_begins_with_nothing_where_there_is_no_start():
    def check(path, outcome):
        if not (path / "MANIFEST").exists():
            ToyStore.create(path)
        assert ToyStore(path).contents() == {}

    assert every_fault(lambda path, filesystem: ToyStore.create(path, filesystem), check) > 50


class InPlaceStore(ToyStore):
    def _commit(self, segments):
        self.filesystem.remove_file(self.path / "MANIFEST")
        with self.filesystem.create(self.path / "MANIFEST") as file:
            file.write(json.dumps({"generation": self.generation + 1, "segments": segments}).encode())
        self.refresh()


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_each_fault_finds_a_store_that_overwrites_its_manifest(tmp_path, fault):
    start = store_after(tmp_path / "start", 1)

    def operation(path, filesystem):
        InPlaceStore(path, filesystem).put({"x": "y"})

    if fault is Fault.SHORT_WRITE:
        assert every_fault(operation, lambda path, outcome: ToyStore(path), start=start, faults=[fault]) == 2
        return
    with pytest.raises(AssertionError, match=rf"(?s)cases are violations.*{fault.name} at call \d+ of \d+, .*MANIFEST"):
        every_fault(operation, lambda path, outcome: ToyStore(path), start=start, faults=[fault])


def test_a_short_write_that_is_not_continued_is_found(tmp_path):
    def operation(path, filesystem):
        path.mkdir()
        descriptor = filesystem.open_new(path / "file")
        filesystem.write(descriptor, memoryview(b"content"))
        os.close(descriptor)

    def check(path, outcome):
        assert (path / "file").read_bytes() == b"content"

    with pytest.raises(AssertionError, match="1 of 1 cases are violations"):
        every_fault(operation, check, faults=[Fault.SHORT_WRITE])


def test_an_operation_without_end_is_found():
    def operation(path, filesystem):
        while True:
            try:
                return filesystem.mkdir(path)
            except OSError:
                pass

    with pytest.raises(AssertionError, match="1011 calls, and no end"):
        every_fault(operation, lambda path, outcome: None, faults=[Fault.DISK_GONE])


def test_a_child_that_hangs_is_killed_and_found():
    def operation(path, filesystem):
        if filesystem._fault is Fault.KILL_AFTER:
            time.sleep(100)
        filesystem.mkdir(path)

    with pytest.raises(AssertionError, match=r"the child hangs: nothing was heard of it for 0\.1 seconds"):
        every_fault(operation, lambda path, outcome: None, faults=[Fault.KILL_AFTER], timeout=0.1)


def test_a_child_that_fails_is_found():
    def operation(path, filesystem):
        if filesystem._fault is Fault.KILL_AFTER:
            raise LookupError("only in the child")
        filesystem.mkdir(path)

    with pytest.raises(AssertionError, match="LookupError: only in the child"):
        every_fault(operation, lambda path, outcome: None, faults=[Fault.KILL_AFTER])


def test_a_child_may_use_faiss_and_arrow_when_the_parent_has():
    import faiss
    import numpy as np
    import pyarrow as pa

    def work():
        vectors = np.random.default_rng(0).standard_normal((5000, 32), dtype=np.float32)
        index = faiss.IndexFlatIP(32)
        index.add(vectors)
        return index.search(vectors[:200], 5)[1].sum() + pa.array(range(1000)).sort().sum().as_py()

    expected = work()
    with forked(lambda send: send(work())) as child:
        assert child.receive(20) == expected
        assert child.receive(20) is None
    assert child.exit_code == 0


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    filesystem = RecordingFilesystem(tmp_path_factory.mktemp("recorded") / "store")
    run(filesystem.path, filesystem)
    return filesystem


SYNCS = [
    "fsync_folder ..",
    "fsync_folder .",
    "fsync MANIFEST.tmp",
    "fsync_folder segments",
    "fsync segments/*/data.json",
    "fsync_folder segments/*",
    "fsync MANIFEST.*.tmp",
]


def test_every_power_cut_finds_nothing_in_a_store_that_is_right(recording):
    assert recording.syncs() == SYNCS
    assert every_power_cut(recording, check_cut) > 100
    assert every_power_cut(recording, check_rollback) > 100


def test_each_missing_fsync_is_found(recording):
    assert syncs_not_missed(recording, check_rollback) == []
    # What needs a rollback to be noticed is reported where the check makes none, and not where it does.
    assert syncs_not_missed(recording, lambda path, state: check_open(path, state)) == ["fsync MANIFEST.*.tmp"]
    assert syncs_not_missed(recording, check_open, checks={"fsync MANIFEST.*.tmp": check_rollback}) == []


def check_open(path, acknowledged):
    if acknowledged is not None or (path / "MANIFEST").exists():
        first = acknowledged or 0
        assert ToyStore(path).contents() in STATES[first : first + 2]


def test_a_check_for_calls_that_there_are_not_is_refused(recording):
    with pytest.raises(AssertionError, match="there are no calls"):
        syncs_not_missed(recording, check_open, checks={"fsync nothing": check_open})


def test_a_power_cut_finds_an_acknowledgement_that_comes_too_early(tmp_path):
    filesystem = RecordingFilesystem(tmp_path / "store")
    store = ToyStore.create(filesystem.path, filesystem)
    filesystem.acknowledge(1)
    STEPS[0](store)
    with pytest.raises(AssertionError, match=r"(?s)violations.*names kept, bytes kept; acknowledged: 1"):
        every_power_cut(filesystem, check_open)


def test_a_power_cut_begins_with_what_is_there(tmp_path):
    store_after(tmp_path / "root" / "store", 2)
    filesystem = RecordingFilesystem(tmp_path / "root" / "store", acknowledged=2)
    STEPS[2](ToyStore(filesystem.path, filesystem))
    filesystem.acknowledge(3)
    assert every_power_cut(filesystem, check_cut) > 15


def test_what_is_written_without_the_file_system_is_found(tmp_path):
    filesystem = RecordingFilesystem(tmp_path / "store")
    ToyStore.create(filesystem.path, filesystem)
    (filesystem.path / "LOCK").touch()
    filesystem.assert_complete()
    (filesystem.path / "other").touch()
    with pytest.raises(AssertionError, match=r"\['store/other'\]"):
        every_power_cut(filesystem, check_open)


def test_with_fewer_cuts_each_missing_fsync_is_found_all_the_same(recording):
    assert 30 < every_power_cut(recording, check_rollback, most=1) < every_power_cut(recording, check_rollback)
    assert syncs_not_missed(recording, check_rollback, most=1) == []


@pytest.mark.parametrize(("most", "expected"), [(None, 4), (1, 2)])
def test_of_files_that_are_written_alike_one_is_cut(tmp_path, most, expected):
    """Alike are those of a segment that have the same suffix; the one without is another."""
    filesystem, segment = RecordingFilesystem(tmp_path / "index"), tmp_path / "index" / "segments" / "s1"
    for folder in (segment.parent.parent, segment.parent, segment):
        filesystem.make_folder(folder)
    for name in ("a.arrow", "b.arrow", "c.arrow", "SEAL"):
        with filesystem.create(segment / name) as file:
            file.write(b"1234")
    torn = set()

    def check(path, acknowledged):
        torn.update(file.name for file in path.rglob("*") if file.is_file() and file.read_bytes() == b"12")

    every_power_cut(filesystem, check, most=most)
    assert len(torn) == expected
    assert "SEAL" in torn


def states_of(filesystem):
    """All that ``every_power_cut`` shows to its check, by what is acknowledged."""
    states = {}

    def check(path, acknowledged):
        files = path.rglob("*") if path.exists() else ()
        tree = {str(p.relative_to(path)): p.read_bytes() if p.is_file() else None for p in files}
        states.setdefault(acknowledged, []).append(tree)

    every_power_cut(filesystem, check)
    return states


def test_the_model_of_a_file(tmp_path):
    (tmp_path / "f").mkdir()
    filesystem = RecordingFilesystem(tmp_path / "f")
    with filesystem.create(tmp_path / "f" / "x") as file:
        file.write(b"1234")
    filesystem.acknowledge("bytes")
    filesystem.fsync_folder(tmp_path / "f")
    filesystem.acknowledge("name")
    states = states_of(filesystem)
    assert {content for tree in states[None] for content in tree.values()} == {b"", b"12", b"1234", b"\0\0\0\0"}
    assert {} in states[None]
    assert states["bytes"] == [{"x": b"1234"}, {}] or states["bytes"] == [{}, {"x": b"1234"}]
    assert states["name"] == [{"x": b"1234"}]


def test_the_model_of_a_rename(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x").write_bytes(b"old")
    filesystem = RecordingFilesystem(tmp_path / "f")
    filesystem.replace(tmp_path / "f" / "x", b"new")
    filesystem.acknowledge("done")
    states = states_of(filesystem)
    assert {tree["x"] for tree in states[None]} == {b"old", b"new"}
    assert not any(tree.get("x.tmp") and tree["x"] == b"new" for tree in states[None])
    assert states["done"] == [{"x": b"new"}]


def test_the_model_of_deleting(tmp_path):
    (tmp_path / "f").mkdir()
    for name in "xy":
        (tmp_path / "f" / name).write_bytes(b"1")
    filesystem = RecordingFilesystem(tmp_path / "f")
    filesystem.unlink(tmp_path / "f" / "x")
    filesystem.unlink(tmp_path / "f" / "y")
    filesystem.acknowledge("both")
    filesystem.fsync_folder(tmp_path / "f")
    filesystem.acknowledge("synced")
    states = states_of(filesystem)
    assert sorted("".join(sorted(tree)) for tree in states["both"]) == ["", "x", "xy", "y"]
    assert states["synced"] == [{}]


@pytest.fixture
def path_in_memory():
    with scratch_folder() as folder:
        yield Path(folder) / "store"


def test_the_kill_loop_finds_nothing_in_a_store_that_is_right(path_in_memory):
    ToyStore.create(path_in_memory)
    report = kill_loop("helpers.toy_store:ToyStore", path_in_memory, rounds=15)
    assert report.kills == 15
    assert report.acknowledged > 15
    assert report.in_flight > 0
    assert report.reads > 0


@pytest.mark.parametrize(("store", "message"), [("ForgetfulStore", "lost: {"), ("HastyStore", "MANIFEST")])
def test_the_kill_loop_finds_a_store_that_is_not_right(path_in_memory, store, message):
    ToyStore.create(path_in_memory)
    with pytest.raises((AssertionError, FileNotFoundError), match=message):
        kill_loop(f"helpers.toy_store:{store}", path_in_memory, rounds=100)


def test_calls_are_counted(tmp_path):
    filesystem = FaultyFilesystem()
    filesystem.make_folder(tmp_path / "f")
    filesystem.replace(tmp_path / "f" / "x", b"1")
    assert [call.split()[0] for call in filesystem.calls] == [
        "mkdir",
        "fsync_folder",
        "unlink",
        "open_new",
        "write",
        "fsync",
        "rename",
        "fsync_folder",
    ]
