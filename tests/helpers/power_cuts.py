"""Records what is asked of the file system, and makes the folders that a power cut could leave. Knows no index.

What a cut may leave is for disk_model.py to say. Use: ``RecordingFilesystem``, then ``every_power_cut`` and
``syncs_not_missed``; see test_faults_harness.py.
"""

import os
import random
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bicross.index.files import Filesystem

from helpers.disk_model import Change, Disk, Event, File, Tree, every_change, tree_of, write_tree
from helpers.examples import some_of_each
from helpers.faults import LOCKS, report, scratch_folder

Check = Callable[[Path, Any], object]
"""``check(path, acknowledged)`` raises where ``path`` is not as it must be. It may write to it."""


class RecordingFilesystem(Filesystem):
    """Carries out every call but fsync, and records it. ``path`` is the folder to be written to, existing or not.

    The parent of ``path`` must hold nothing else. ``acknowledged`` is the state that ``path`` is in already.
    """

    def __init__(self, path: Path, *, acknowledged: object = None) -> None:
        self.path, self.root = path, path.parent
        self.start = tree_of(self.root)
        self.acknowledged = acknowledged
        self.events: list[Event] = []
        self._files: dict[int, tuple[int, str]] = {}  # by descriptor: number and path

    def acknowledge(self, state: object) -> None:
        """To be called by the test after each operation: from here on ``state`` must not be lost."""
        self.events.append(Event("acknowledge", state=state))

    def syncs(self) -> list[str]:
        """The kinds of fsync calls, each once: ``fsync MANIFEST.tmp``, ``fsync_folder segments/*``, and so on."""
        return list(dict.fromkeys(event.sync for event in self.events if event.sync))

    def assert_complete(self, ignore: tuple[str, ...] = LOCKS) -> None:
        """Raise where ``path`` holds anything else than the recorded calls made: someone wrote without them."""
        disk = Disk(self.start)
        for event in self.events:
            disk.apply(event)
        recorded, real = disk.tree(every_change, _kept), tree_of(self.root)
        differing = {name for name in recorded.keys() | real.keys() if recorded.get(name, 0) != real.get(name, 0)}
        differing = {name for name in differing if Path(name).name not in ignore}
        assert not differing, f"written without the file system, or by another: {sorted(differing)}"

    def mkdir(self, path: Path) -> None:
        super().mkdir(path)
        self._record("mkdir", path)

    def open_new(self, path: Path) -> int:
        descriptor = super().open_new(path)
        self._files[descriptor] = (len(self.events) + 1, self._relative(path))
        self._record("open_new", path, file=self._files[descriptor][0])
        return descriptor

    def write(self, descriptor: int, content: memoryview) -> int:
        count = super().write(descriptor, content)
        file, path = self._files[descriptor]
        self.events.append(Event("write", path, file=file, content=bytes(content[:count])))
        return count

    def fsync(self, descriptor: int) -> None:
        file, path = self._files[descriptor]
        self.events.append(Event("fsync", path, file=file, sync=f"fsync {self.kind(path)}"))

    def fsync_folder(self, path: Path) -> None:
        path.stat()
        self._record("fsync_folder", path, sync=f"fsync_folder {self.kind(self._relative(path))}")

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._record("rename", source, target=self._relative(target))

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        self._record("link", source, target=self._relative(target))

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._record("unlink", path)

    def rmdir(self, path: Path) -> None:
        super().rmdir(path)
        self._record("rmdir", path)

    def _record(self, call: str, path: Path, **more: Any) -> None:
        self.events.append(Event(call, self._relative(path), **more))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def kind(self, path: str) -> str:
        """A path as seen from the recorded folder, with a star for whatever has a digit in it."""
        relative = Path(os.path.relpath(path, self.path.name)).as_posix()
        return re.sub(r"[^/.]*\d[^/.]*", "*", relative)


def _none(change: Change) -> bool:
    return False


def _kept(file: File) -> bytes:
    return file.content


def _lost(file: File) -> bytes:
    return file.content[: file.synced]


def _torn(file: File) -> bytes:
    return file.content[: (file.synced + len(file.content)) // 2]


def _zeroed(file: File) -> bytes:
    return file.content[: file.synced].ljust(len(file.content), b"\0")


_CONTENTS = (_kept, _lost, _torn, _zeroed)
_RANDOM_STATES = 8


def _states(disk: Disk, chance: random.Random, most: int | None) -> Iterator[tuple[str, Tree]]:
    """The states that a power cut may leave now, each with a name; at most ``most`` of each kind."""
    pending = disk.pending()
    if most is not None:
        pending = chance.sample(pending, min(most, len(pending)))
    for keeps, names in ((every_change, "names kept"), (_none, "names lost")):
        for content in _CONTENTS:
            yield f"{names}, bytes {content.__name__[1:]}", disk.tree(keeps, content)
    for alone in pending:
        yield "one name kept", disk.tree(lambda change, alone=alone: change is alone, chance.choice(_CONTENTS))
        yield "one name lost", disk.tree(lambda change, alone=alone: change is not alone, chance.choice(_CONTENTS))
    for _ in range(min(most or _RANDOM_STATES, _RANDOM_STATES) if pending else 0):
        kept_changes = {change for change in disk.pending() if chance.random() < 0.5}
        contents = defaultdict[File, Callable[[File], bytes]](lambda: chance.choice(_CONTENTS))
        yield "some names kept", disk.tree(kept_changes.__contains__, lambda file, of=contents: of[file](file))


@dataclass(frozen=True)
class _Cuts:
    """The power cuts that are tried: after every event, or after some of those that do the same."""

    recording: RecordingFilesystem
    seed: int
    most: int | None

    def events(self) -> set[int]:
        """The numbers of the events after which the power fails; 0 is before the first.

        With ``most`` it is one of the calls between two acknowledgements that do the same to files with one suffix in
        the folder of a segment.
        """
        kinds, acknowledgements = list[object]([0]), 0
        for number, event in enumerate(self.recording.events, 1):
            acknowledgements += event.call == "acknowledge"
            folder, _, name = self.recording.kind(event.target or event.path or ".").rpartition("/")
            alike = (acknowledgements, event.call, folder, Path(name).suffix)
            kinds.append(alike if "*" in folder else number)
        most = None if self.most is None else 1
        return set(some_of_each(range(len(kinds)), kinds.__getitem__, most=most, seed=self.seed))

    def acknowledgements(self) -> set[int]:
        """The numbers of those events."""
        return {number for number, event in enumerate(self.recording.events, 1) if event.call == "acknowledge"}

    def violations(
        self, check: Check, passed: set[object], events: Container[int], *, without: str = ""
    ) -> Iterator[tuple[str, Exception]]:
        """The states that ``check`` refuses; the others are added to ``passed``, and none there is checked again."""
        recording = self.recording
        disk, acknowledged, last = Disk(recording.start), recording.acknowledged, "the start"
        for number, event in enumerate([Event(""), *recording.events]):
            if event.call == "acknowledge":
                acknowledged = event.state
            elif without == "" or event.sync != without:
                disk.apply(event)
                last = f"call {number}, {event}" if number else last
            if number not in events:
                continue
            for name, tree in _states(disk, random.Random(repr((self.seed, number))), self.most):
                key = (repr(acknowledged), frozenset(tree.items()))
                if key in passed:
                    continue
                with scratch_folder() as scratch:
                    write_tree(tree, Path(scratch))
                    try:
                        check(Path(scratch) / recording.path.name, acknowledged)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
                        yield f"power cut after {last} ({name}; acknowledged: {acknowledged})", error
                    else:
                        passed.add(key)


def every_power_cut(
    recording: RecordingFilesystem,
    check: Check,
    *,
    seed: int = 0,
    passed: set[object] | None = None,
    most: int | None = None,
) -> int:
    """Check what a power cut after each recorded call may leave, and return how many different states that were.

    ``check(path, acknowledged)`` is to raise where ``path`` holds less than the last state acknowledged before the cut
    (None where there was none), or more than what the operation in flight was to add. All of it is one AssertionError.
    ``passed`` is filled with the states that are good. With ``most``, at each call that many pending changes of names
    are drawn to be the only one kept or lost, and as many mixtures; and the power fails after one of the calls that
    create files of a segment, one of those that write to them, and so on, drawn for each acknowledgement and suffix.
    """
    recording.assert_complete()
    passed = set() if passed is None else passed
    cuts = _Cuts(recording, seed, most)
    violations = list(cuts.violations(check, passed, cuts.events()))
    if violations:
        raise AssertionError(report(violations, len(passed) + len(violations))) from violations[0][1]
    return len(passed)


def syncs_not_missed(
    recording: RecordingFilesystem,
    check: Check,
    *,
    checks: Mapping[str, Check] | None = None,
    seed: int = 0,
    passed: Mapping[Check, set[object]] | None = None,
    most: int | None = None,
) -> list[str]:
    """The kinds of fsync calls that can be left out and ``check`` finds nothing; none, if all is good.

    ``checks`` has another check for a kind of which ``check`` cannot know, by its name in ``recording.syncs()``.
    ``passed`` has the states that ``every_power_cut`` found good by a check; without it they are checked here first.
    ``most`` should then be the same.
    """
    checks, cuts = checks or {}, _Cuts(recording, seed, most)
    unknown = checks.keys() - set(recording.syncs())
    assert not unknown, f"there are no calls {sorted(unknown)}, only {recording.syncs()}"
    good = defaultdict[Check, set[object]](set, passed or {})
    unmissed: list[str] = []
    for kind in recording.syncs():
        used = checks.get(kind, check)
        if not good[used]:
            every_state = list(cuts.violations(used, good[used], cuts.events()))
            assert not every_state, f"with every fsync: {report(every_state, len(every_state))}"
        # What is lost is found soonest right after it was acknowledged. One violation is enough, wherever it is.
        for events in (cuts.acknowledgements(), range(len(recording.events) + 1)):
            if any(True for _ in cuts.violations(used, good[used], events, without=kind)):
                break
        else:
            unmissed.append(kind)
    return unmissed
