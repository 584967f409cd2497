"""``bicross sync --watch`` syncs after each change that has settled, and goes on after what was wrong."""

import sys
import threading
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, SourceError
from bicross.pipelines.commands.syncing import watch
from helpers.commands import run

PATIENCE = 30


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch, "SETTLED_MS", 50)
    Path("notes/sub").mkdir(parents=True)
    Path("notes/index").mkdir()
    Path("rows.csv").write_text("id,text\n1,a\n")


class Source:
    """What a person does to a source while it is watched; each step waits until the one before was seen."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.stop = threading.Event()
        self.syncs = []

    def __call__(self, *, quiet=False):
        self.syncs.append(quiet)
        Path("notes/index/file").write_text(f"{len(self.syncs)}")  # a sync writes its index, which is no change
        if not self.steps:
            self.stop.set()
            return
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            if quiet:
                threading.Timer(0.3, lambda: Path("notes/after.txt").write_text("x")).start()
            raise step
        threading.Timer(0.3, step).start()

    def watched(self, *sources):
        ended = threading.Timer(PATIENCE, self.stop.set)
        ended.start()
        watch.keep_in_step(sources, self, ignored=[Path("notes/index"), Path("errors.jsonl")], stop=self.stop)
        ended.cancel()
        return self.syncs


def test_each_change_of_a_folder_or_a_file_is_followed(capsys):
    source = Source(
        lambda: Path("notes/sub/new.txt").write_text("new"),
        lambda: Path("notes/sub/new.txt").rename("notes/sub/renamed.txt"),
        lambda: Path("notes/sub/renamed.txt").unlink(),
        lambda: Path("rows.csv").write_text("id,text\n1,b\n"),
    )
    assert source.watched("notes", "rows.csv") == [False, True, True, True, True]
    assert capsys.readouterr().err == "Watching notes, rows.csv. Ctrl-C ends it.\n"


def test_a_state_that_cannot_be_synced_is_said_and_waits_for_the_next(capsys):
    source = Source(lambda: Path("notes/a.txt").write_text("a"), SourceError("a.txt is damaged"))
    assert source.watched("notes") == [False, True, True]
    assert capsys.readouterr().err.endswith("\nbicross: a.txt is damaged\n")
    with pytest.raises(SourceError, match="wrong from the beginning"):
        Source(SourceError("wrong from the beginning")).watched("notes")


def test_what_cannot_be_watched(capsys, monkeypatch):
    code, _, err = run(capsys, "sync", "notes", "i", "--watch", "--dry-run")
    assert (code, err) == (2, "bicross: --watch changes the index, and --dry-run does not: leave one out\n")
    with pytest.raises(ArgumentError, match="standard input cannot be watched"):
        watch.keep_in_step(["-"], Source(), ignored=[])
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(ArgumentError, match=r"--watch needs watchfiles: pip install 'bicross\[files\]'"):
        watch.keep_in_step(["notes"], Source(), ignored=[])
