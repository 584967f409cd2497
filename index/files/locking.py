"""Locks for one writer and one compaction at a time. They end with the process that holds them."""

import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import filelock

from ...errors import IndexLocked
from .filesystem import Filesystem

LOCK = "LOCK"
COMPACTION_LOCK = "COMPACTING"
STAGING_LOCK = "STAGING"
PUBLISHED = "PUBLISHED"
"""The file that says which generations were published from a folder."""
PUBLISHED_LOCK = "PUBLISHING"
_NOTE_SECONDS = 10.0
_GLANCE_SECONDS = 0.2
"""``is_compacting`` holds the lock for a moment. A compaction waits that long rather than fail."""


@contextmanager
def writing(path: Path, filesystem: Filesystem, *, patience: float = 0.0) -> Generator[None]:
    """Hold the lock of the writer.

    Args:
        path: The folder of the index.
        filesystem: Notes in the lock file which process holds it.
        patience: How many seconds to wait for another writer.

    Raises:
        IndexLocked: Another process holds the lock. The message names it.
    """
    with _held(path / LOCK, filesystem, patience):
        yield


@contextmanager
def compacting(path: Path, filesystem: Filesystem) -> Generator[None]:
    """Hold the lock of the compaction. Others may write until it commits.

    Raises:
        IndexLocked: Another compaction runs.
    """
    with _held(path / COMPACTION_LOCK, filesystem, _GLANCE_SECONDS):
        yield


@contextmanager
def driving(path: Path, filesystem: Filesystem) -> Generator[None]:
    """Hold the lock of the process that has work staged for an index. Others may write and compact meanwhile.

    Raises:
        IndexLocked: Another process holds it.
    """
    with _held(path / STAGING_LOCK, filesystem, _GLANCE_SECONDS):
        yield


@contextmanager
def noting_publication(path: Path, filesystem: Filesystem) -> Generator[None]:
    """Hold the lock of ``PUBLISHED``, waiting for others that write it.

    Raises:
        IndexLocked: Another process holds it for too long.
    """
    with _held(path / PUBLISHED_LOCK, filesystem, _NOTE_SECONDS):
        yield


def is_compacting(path: Path) -> bool:
    """Whether a compaction is running. No manifest lists its new files yet."""
    return _is_held(path / COMPACTION_LOCK)


def is_driven(path: Path) -> bool:
    """Whether a process has work staged."""
    return (path / STAGING_LOCK).exists() and _is_held(path / STAGING_LOCK)


def _is_held(path: Path) -> bool:
    lock = filelock.FileLock(path, timeout=0)
    try:
        with lock:
            return False
    except filelock.Timeout:
        return True


@contextmanager
def _held(path: Path, filesystem: Filesystem, patience: float) -> Generator[None]:
    # The operating system releases the lock when the process dies, whatever the cause; some network disks do not.
    lock = filelock.FileLock(path, timeout=patience)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise IndexLocked(f"{path.parent} is being written to by {_holder(path)}; try again when it is done") from None
    try:
        filesystem.note(path, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        yield
    finally:
        filesystem.note(path, "")
        lock.release()


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text("ascii"))
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"  # which has not yet written its name
