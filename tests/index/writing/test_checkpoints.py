"""What a build has added reaches the disk by time, and after an interrupt."""

from itertools import pairwise

import pytest
from bicross.index import Index
from bicross.index.writing import checkpoints
from bicross.index.writing.checkpoints import FIRST_SECONDS, CheckpointClock
from helpers.toy_collections import FINGERPRINT, Oracle, assert_same, batch, record

TEN = [record(number) for number in range(10)]
ORACLE = Oracle({each.document.id: each for each in TEN})


class Broken(Exception):
    pass


def test_the_first_checkpoint_comes_within_half_a_minute_and_later_ones_less_often():
    now = [100.0]
    clock, made = CheckpointClock(clock=lambda: now[0]), []
    for second in range(1, 36_001):
        now[0] = 100.0 + second
        if clock.is_due:
            made.append(second)
            clock.reset()
    assert made[0] == FIRST_SECONDS <= 30
    assert all(
        FIRST_SECONDS <= later - earlier <= max(FIRST_SECONDS, 0.12 * later) for earlier, later in pairwise(made)
    )
    assert len(made) < 100


def build(path, *, fail_after=None, error=KeyboardInterrupt, resume=False):
    added = []
    with Index.build(path, FINGERPRINT, resume=resume) as builder:
        for number, item in enumerate(TEN):
            if number == fail_after:
                raise error
            if not all(builder.holds([item.document])):
                builder.add(batch([item]))
                added.append(item)
        builder.commit(reason="build")
    return added


@pytest.mark.parametrize("fail_after", range(11))
def test_an_interrupt_keeps_what_was_added(tmp_path, fail_after):
    path = tmp_path / "i"
    if fail_after == 10:
        build(path)
    else:
        with pytest.raises(KeyboardInterrupt):
            build(path, fail_after=fail_after)
        assert path.exists() == (fail_after > 0)
        assert Index.on_disk(path).unfinished == (fail_after or None)
        assert build(path, resume=True) == TEN[fail_after:]
    assert Index.on_disk(path).unfinished is None
    assert_same(Index.open(path), ORACLE)
    assert Index.open(path).info().segments == 1
    assert Index.verify(path).problems == ()


def test_an_error_keeps_what_the_time_had_brought_to_the_disk(tmp_path, monkeypatch):
    with pytest.raises(Broken):
        build(tmp_path / "soon", fail_after=5, error=Broken)
    assert not (tmp_path / "soon").exists()
    monkeypatch.setattr(checkpoints, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 0.0)
    with pytest.raises(Broken):
        build(tmp_path / "late", fail_after=5, error=Broken)
    assert build(tmp_path / "late", resume=True) == TEN[5:]
    assert_same(Index.open(tmp_path / "late"), ORACLE)
    assert Index.open(tmp_path / "late").info().segments == 1


def test_an_interrupt_in_the_middle_of_a_write_keeps_what_was_on_disk_before(tmp_path, monkeypatch):
    from bicross.index.segments import SegmentWriter

    monkeypatch.setattr(checkpoints, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", 0.0)
    write = SegmentWriter.write

    def interrupted(self, batch_):
        write(self, batch_)
        if batch_.documents[0].id == "d4":
            raise KeyboardInterrupt

    monkeypatch.setattr(SegmentWriter, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "i")
    monkeypatch.undo()
    assert Index.on_disk(tmp_path / "i").unfinished == 4
    assert build(tmp_path / "i", resume=True) == TEN[4:]
    assert_same(Index.open(tmp_path / "i"), ORACLE)
