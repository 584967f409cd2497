"""Watches memory and disk while something runs, and sums the processor time of a process and of all that it started."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

MEBIBYTE = 1 << 20


class Watch:
    """The most anonymous memory of this process, and the most bytes of a folder, while the block runs; the seconds too.

    Pages of mapped files belong to the page cache: the system takes them back when it needs them.
    """

    def __init__(self, folder: Path, *, every: float = 1.0) -> None:
        self._folder, self._every = folder, every
        self.memory_bytes = self.disk_bytes = 0
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self) -> "Watch":
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._began, self._cpu = perf_counter(), _own_cpu()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds, self.cpu_seconds = perf_counter() - self._began, _own_cpu() - self._cpu
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(self._every):
            self._look()

    def _look(self) -> None:
        self.memory_bytes = max(self.memory_bytes, anonymous_memory(os.getpid()))
        self.disk_bytes = max(self.disk_bytes, bytes_of(self._folder))


def _own_cpu() -> float:
    times = os.times()
    return times.user + times.system


def bytes_of(folder: Path) -> int:
    """Return the bytes of all files under a folder, of those that are there still when they are looked at."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(path, name)).st_size  # noqa: PTH116, PTH118 - ten thousand of them
            except FileNotFoundError:
                continue
    return total


def anonymous_memory(pid: int) -> int:
    """Return the bytes of a process that are in memory and belong to no file; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def processes_below(pid: int) -> list[int]:
    """Return the numbers of a process and of all that it, or they, have started and that still run."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (fields := _stat(int(path.name))):
            children.setdefault(int(fields[1]), []).append(int(path.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


class ProcessorTime:
    """The processor time of this process and of all that it started, while the block runs.

    It looks at them often, because what Ray starts and ends is counted by no parent: of a process that ends, what it
    did after the last look is lost.
    """

    def __init__(self, *, every: float = 0.5) -> None:
        self._every = every
        self._ticks: dict[tuple[int, str], int] = {}
        self.seconds = 0.0

    def __enter__(self) -> "ProcessorTime":
        self._before = self._look()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        self._ticks |= self._look()
        spent = sum(ticks - self._before.get(process, 0) for process, ticks in self._ticks.items())
        self.seconds = spent / os.sysconf("SC_CLK_TCK")

    def _watch(self) -> None:
        while not self._done.wait(self._every):
            self._ticks |= self._look()

    def _look(self) -> dict[tuple[int, str], int]:
        """Return the ticks of each process; its number and when it began name it."""
        found = {}
        for pid in processes_below(os.getpid()):
            if fields := _stat(pid):
                found[pid, fields[19]] = int(fields[11]) + int(fields[12])
        return found


def command_of(pid: int) -> str:
    """Return the command line of a process; empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """Return the fields after the name in /proc/PID/stat; none for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def load() -> float:
    """Return the load average of the last minute: how many others wanted to run."""
    return os.getloadavg()[0]


def timed(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    began = perf_counter()
    call()
    return perf_counter() - began
