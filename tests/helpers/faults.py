"""Fails or kills an operation at each of its calls to the file system in turn. Knows no index.

Use: ``every_fault(operation, check, start=folder)``; see test_faults_harness.py. Power cuts are in power_cuts.py.
"""

import enum
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bicross.index.files import Filesystem

from helpers.disk_model import tree_of
from helpers.examples import some_of_each
from helpers.forks import forked

KILLED = 77
NAME = "index"
"""The folder that an operation works on has this name, in an otherwise empty folder."""

LOCKS = ("LOCK", "COMPACTING")


class Fault(enum.Enum):
    NO_SPACE = "the call fails for want of space"
    IO_ERROR = "the call fails with an input/output error"
    IO_ERROR_AFTER = "the call takes effect and yet fails"
    SHORT_WRITE = "half is written, and the call says so"
    TORN_WRITE = "half is written, and the next write finds no space"
    DISK_FULL = "no space from this call on; names can still be changed and deleted"
    DISK_GONE = "every call fails from this one on"
    KILL_BEFORE = "the process dies before the call"
    KILL_DURING = "the process dies when half is written"
    KILL_AFTER = "the process dies after the call"

    def strikes(self, call: str) -> bool:
        """Whether this can happen to ``call``, such as ``write segments/1/documents.arrow``."""
        operation = call.partition(" ")[0]
        if self in (Fault.SHORT_WRITE, Fault.TORN_WRITE, Fault.KILL_DURING):
            return operation == "write"
        if self in (Fault.NO_SPACE, Fault.DISK_FULL):
            return operation in _NEED_SPACE
        return True

    @property
    def kind(self) -> str:
        """A key that is equal for cases that hardly differ: dying after a call is dying before the next."""
        for kind in (("NO_SPACE", "IO_ERROR"), ("DISK_FULL", "DISK_GONE"), ("KILL_BEFORE", "KILL_AFTER")):
            if self.name in kind:
                return kind[0]
        return self.name

    @property
    def kills(self) -> bool:
        return self in (Fault.KILL_BEFORE, Fault.KILL_DURING, Fault.KILL_AFTER)


_NEED_SPACE = ("mkdir", "open_new", "write", "fsync", "fsync_folder", "rename", "link")


@dataclass(frozen=True)
class Outcome:
    """How a run with a fault ended. ``acknowledged`` is the last state that it acknowledged, or None."""

    fault: Fault
    call: str
    acknowledged: Any
    error: Exception | None = None
    killed: bool = False


class FaultyFilesystem(Filesystem):
    """Lists its calls, and lets ``fault`` happen at call number ``at`` (from 1).

    fsync is counted and not carried out: the death of a process loses nothing that the system has accepted.
    """

    def __init__(self, fault: Fault | None = None, at: int = 0, *, most_calls: int = 100_000) -> None:
        self.calls: list[str] = []
        self.fired = False
        self.acknowledged: Any = None
        self.on_acknowledge: Callable[[Any], object] = lambda state: None
        self._fault, self._at, self._most_calls = fault, at, most_calls
        self._names: dict[int, Path] = {}
        self._fail_next_write = False

    def acknowledge(self, state: object) -> None:
        """To be called by the operation: from here on ``state`` must not be lost."""
        self.acknowledged = state
        self.on_acknowledge(state)

    def mkdir(self, path: Path) -> None:
        self._call("mkdir", path, lambda: super(FaultyFilesystem, self).mkdir(path))

    def open_new(self, path: Path) -> int:
        descriptor = self._call("open_new", path, lambda: super(FaultyFilesystem, self).open_new(path))
        self._names[descriptor] = path
        return descriptor

    def write(self, descriptor: int, content: memoryview) -> int:
        half = content[: max(1, len(content) // 2)]
        now = len(self.calls) + 1 == self._at
        if now and self._fault is Fault.KILL_DURING:
            super().write(descriptor, half)
            os._exit(KILLED)
        if now and self._fault in (Fault.SHORT_WRITE, Fault.TORN_WRITE):
            content = half
        fails, self._fail_next_write = self._fail_next_write, now and self._fault is Fault.TORN_WRITE
        if fails:
            self.calls.append(f"write {self._names[descriptor]}")
            raise _os_error(errno.ENOSPC)
        path = self._names[descriptor]
        return self._call("write", path, lambda: super(FaultyFilesystem, self).write(descriptor, content))

    def fsync(self, descriptor: int) -> None:
        self._call("fsync", self._names[descriptor], lambda: None)

    def fsync_folder(self, path: Path) -> None:
        self._call("fsync_folder", path, path.stat)

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename", target, lambda: super(FaultyFilesystem, self).rename(source, target))

    def link(self, source: Path, target: Path) -> None:
        self._call("link", target, lambda: super(FaultyFilesystem, self).link(source, target))

    def unlink(self, path: Path) -> None:
        self._call("unlink", path, lambda: super(FaultyFilesystem, self).unlink(path))

    def rmdir(self, path: Path) -> None:
        self._call("rmdir", path, lambda: super(FaultyFilesystem, self).rmdir(path))

    def _call(self, operation: str, path: Path, act: Callable[[], Any]) -> Any:
        self.calls.append(f"{operation} {path}")
        if len(self.calls) > self._most_calls:
            raise RuntimeError(f"{len(self.calls)} calls, and no end")
        now = len(self.calls) == self._at
        self.fired |= now
        if now and self._fault is Fault.KILL_BEFORE:
            os._exit(KILLED)
        if code := self._error(operation, now=now):
            raise _os_error(code)
        try:
            result = act()
        finally:
            if now and self._fault is Fault.KILL_AFTER:
                os._exit(KILLED)
        if now and self._fault is Fault.IO_ERROR_AFTER:
            if operation == "open_new":
                os.close(result)
            raise _os_error(errno.EIO)
        return result

    def _error(self, operation: str, *, now: bool) -> int | None:
        if now and self._fault is Fault.NO_SPACE:
            return errno.ENOSPC
        if self.fired and self._fault is Fault.DISK_FULL and operation in _NEED_SPACE and operation != "rename":
            return errno.ENOSPC
        if (now and self._fault is Fault.IO_ERROR) or (self.fired and self._fault is Fault.DISK_GONE):
            return errno.EIO
        return None


def _os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


Operation = Callable[[Path, FaultyFilesystem], object]
Check = Callable[[Path, Outcome], object]


def every_fault(
    operation: Operation,
    check: Check,
    *,
    start: Path | None = None,
    faults: Iterable[Fault] = Fault,
    timeout: float = 60,
    passed: set[object] | None = None,
    most: int | None = None,
    seed: object = 0,
) -> int:
    """Let each fault happen at each call of ``operation(path, filesystem)``, and return how many cases that were.

    With ``most`` and a seed, that many cases are drawn of those in which the same happens: at a call that does the same
    in a folder of the same kind, since the files of a segment are written alike, by a fault of the same kind.

    Each run begins with a copy of the folder ``start``, or with nothing at ``path``. After it, ``check(path, outcome)``
    is to raise where anything is not as it must be, including where a second try does not work; it may write to
    ``path``. All that it raised comes as one AssertionError. A run that is to be killed happens in a forked child.

    Where a set ``passed`` is given, what passed is not checked again: the same files with the same bytes, after the
    same kind of outcome. It is for operations that write the same names each time, and for checks that ask of an
    outcome no more than what was acknowledged and the type of the error.
    """
    clean = FaultyFilesystem()
    with _copy_of(start) as path:
        operation(path, clean)
        calls = [call.replace(str(path.parent), "") for call in clean.calls]
    assert calls, "the operation does not use the file system that it is given"
    violations: list[tuple[str, Exception]] = []
    every_case = [(fault, n) for fault in faults for n, call in enumerate(calls, 1) if fault.strikes(call)]
    cases = some_of_each(every_case, lambda case: (case[0].kind, _kind(calls[case[1] - 1])), most=most, seed=seed)
    for fault, number in cases:
        filesystem = FaultyFilesystem(fault, number, most_calls=10 * len(calls) + 1000)
        where = f"{fault.name} at call {number} of {len(calls)}, {calls[number - 1]}"
        with _copy_of(start) as path:
            run = _run_forked if fault.kills else _run
            try:
                outcome = run(operation, path, filesystem, calls[number - 1], timeout)
                state = None if passed is None else _state(path, outcome)
                if passed is None or state not in passed:
                    check(path, outcome)
                if passed is not None:
                    passed.add(state)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported below
                violations.append((where, error))
    if violations:
        raise AssertionError(report(violations, len(cases))) from violations[0][1]
    return len(cases)


def _kind(call: str) -> str:
    """A call without what differs among files that are written alike: random names, and which of a folder it is."""
    operation, _, path = call.partition(" ")
    parts = ["*" if re.search(r"\d", part) else part for part in path.split("/")]
    return f"{operation} {'/'.join([*parts[:4], '*'] if len(parts) > 4 else parts)}"


def _state(path: Path, outcome: Outcome) -> object:
    """What a check can tell apart. Lock files name a process, which differs from run to run and does not matter."""
    tree = tree_of(path.parent)
    files = frozenset((name, "" if Path(name).name in LOCKS else content) for name, content in tree.items())
    return outcome.acknowledged, type(outcome.error), outcome.killed, files


def report(violations: list[tuple[str, Exception]], cases: int) -> str:
    """A message about violations: their number, and the first ones."""
    first_lines = [(where, type(error).__name__, str(error).partition("\n")[0]) for where, error in violations[:10]]
    lines = [f"  {where}: {kind}: {line}" for where, kind, line in first_lines]
    return "\n".join([f"{len(violations)} of {cases} cases are violations; the first are", *lines])


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A new folder, in memory where the system has such a place."""
    memory = "/dev/shm"
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None, prefix="bicross-test-")


class _copy_of:  # noqa: N801 - used like a function
    """``with _copy_of(start) as path``: a copy at ``path``, deleted in the end."""

    def __init__(self, start: Path | None) -> None:
        self._start, self._folder = start, scratch_folder()

    def __enter__(self) -> Path:
        path = Path(self._folder.name) / NAME
        if self._start is not None:
            shutil.copytree(self._start, path)
        return path

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()


def _run(operation: Operation, path: Path, filesystem: FaultyFilesystem, call: str, timeout: float) -> Outcome:
    fault, error = filesystem._fault, None
    try:
        operation(path, filesystem)
    except Exception as raised:  # noqa: BLE001 - the check is to look at it
        error = raised.with_traceback(None)  # whose frames would hold files open
    if isinstance(error, RuntimeError) and "no end" in str(error):
        raise error
    assert filesystem.fired, f"this run made only {len(filesystem.calls)} calls"
    if fault is Fault.SHORT_WRITE and error is not None:
        raise error  # a system may always take less than it is given
    return Outcome(fault, call, filesystem.acknowledged, error)


def _run_forked(operation: Operation, path: Path, filesystem: FaultyFilesystem, call: str, timeout: float) -> Outcome:
    acknowledged = None
    with forked(lambda send: _operate(operation, path, filesystem, send)) as child:
        while (message := child.receive(timeout)) is not None:
            kind, content = message
            assert kind == "acknowledged", content
            acknowledged = content
    assert child.exit_code == KILLED, f"the child was to be killed and ended with {child.exit_code}"
    return Outcome(filesystem._fault, call, acknowledged, killed=True)


def _operate(operation: Operation, path: Path, filesystem: FaultyFilesystem, send: Callable[[Any], object]) -> None:
    filesystem.on_acknowledge = lambda state: send(("acknowledged", state))
    operation(path, filesystem)
    send(("ended", f"this run made only {len(filesystem.calls)} calls"))
