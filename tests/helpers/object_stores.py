"""Object stores in memory for tests: they fail, die, forget, damage and age at the call that a test names."""

import enum
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import obstore
from bicross.errors import ObjectStoreError
from bicross.index.stores import ObjectStore, StoredObject
from obstore.store import MemoryStore

URL = "s3://bucket/folder"


class Died(BaseException):
    """The process of the caller is dead: it makes no more calls."""


class StoreFault(enum.Enum):
    FAIL_BEFORE = "the call fails"
    FAIL_AFTER = "the call takes effect and yet fails"
    KILL_BEFORE = "the process dies before the call"
    KILL_AFTER = "the process dies after the call"


class MemoryObjects(ObjectStore):
    """A store of obstore in memory, which several of these may share.

    Attributes:
        calls: The calls so far, such as ``create MANIFEST.1``.
        before: Called with each call before it is made: to wait, or to do what somebody else does at that moment.
        age: Returns how many seconds older an object is than it was written.
        altered: Returns what a read yields, in place of the content.
    """

    def __init__(self, client: MemoryStore | None = None, fault: StoreFault | None = None, at: int = 0) -> None:
        self.client = MemoryStore() if client is None else client
        super().__init__(URL, client=self.client)
        self.calls: list[str] = []
        self.before: Callable[[str], object] = lambda call: None
        self.age: Callable[[str], float] = lambda name: 0.0
        self.altered: Callable[[str, bytes], bytes] = lambda name, content: content
        self._fault, self._at, self._dead, self._lock = fault, at, False, threading.Lock()

    def top(self) -> list[StoredObject]:
        return self._call("top", lambda: self._aged(super(MemoryObjects, self).top()))

    def below(self, prefix: str) -> list[StoredObject]:
        return self._call(f"below {prefix}", lambda: self._aged(super(MemoryObjects, self).below(prefix)))

    def read(self, name: str) -> bytes:
        return self._call(f"read {name}", lambda: self.altered(name, super(MemoryObjects, self).read(name)))

    def read_part(self, name: str, start: int, stop: int) -> bytes:
        def part() -> bytes:
            whole = self.altered(name, super(MemoryObjects, self).read(name))
            return whole[start:stop]

        return self._call(f"read {name}", part)

    def create(self, name: str, content: bytes) -> bool:
        return self._call(f"create {name}", lambda: super(MemoryObjects, self).create(name, content))

    def write(self, name: str, source: Path) -> None:
        self._call(f"write {name}", lambda: super(MemoryObjects, self).write(name, source))

    def remove(self, names: Any) -> None:
        for name in names:
            self._call(f"remove {name}", lambda name=name: super(MemoryObjects, self).remove([name]))

    def names(self, prefix: str = "") -> set[str]:
        """The names of all objects, which makes no call."""
        return {meta["path"] for part in obstore.list(self.client, prefix or None) for meta in part}

    def copied(self, fault: StoreFault | None = None, at: int = 0) -> "MemoryObjects":
        """Another store with the same objects."""
        other = MemoryObjects(fault=fault, at=at)
        for name in self.names():
            obstore.put(other.client, name, bytes(obstore.get(self.client, name).bytes()))
        return other

    def _aged(self, objects: list[StoredObject]) -> list[StoredObject]:
        return [replace(entry, modified=entry.modified - self.age(entry.name)) for entry in objects]

    def _call(self, call: str, act: Callable[[], Any]) -> Any:
        self.before(call)
        with self._lock:
            self.calls.append(call)
            now = len(self.calls) == self._at
        if self._dead or (now and self._fault is StoreFault.KILL_BEFORE):
            self._dead = True
            raise Died
        if now and self._fault is StoreFault.FAIL_BEFORE:
            raise ObjectStoreError(f"{URL}: the store did not {call}: a fault")
        result = act()
        if now and self._fault is StoreFault.FAIL_AFTER:
            raise ObjectStoreError(f"{URL}: the store did not {call}: a fault")
        if now and self._fault is StoreFault.KILL_AFTER:
            self._dead = True
            raise Died
        return result


class ForgetfulObjects(MemoryObjects):
    """A store that takes the header of a conditional write, and overwrites all the same."""

    def create(self, name: str, content: bytes) -> bool:
        obstore.put(self.client, name, content)
        return True
