"""A model of a disk: what is certainly on it after some calls, and what may be on it.

- fsync of a file keeps its bytes, and not its name; fsync of a folder keeps the names in it, and not their bytes.
- A rename within a folder is atomic: after a cut both its halves are there, or none. It is kept by fsync of the folder.
- What was not synced may be kept, lost, or kept in part: bytes may be missing, cut off in the middle, or zeros; of the
  changes to names any may be kept, whatever became of those before it.
- What is there at the start is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tree = dict[str, bytes | None]
"""What a folder holds, by path from it: the bytes of each file, None for a folder."""


@dataclass(frozen=True)
class Event:
    """One call, or an acknowledgement. Paths are relative to the parent of the recorded folder."""

    call: str
    path: str = ""
    target: str = ""
    file: int = 0
    content: bytes = b""
    sync: str = ""
    state: Any = None

    def __str__(self) -> str:
        return f"{self.call} {self.state if self.call == 'acknowledge' else self.target or self.path}"


def tree_of(folder: Path) -> Tree:
    """What a folder holds."""
    paths = sorted(folder.rglob("*"))
    return {p.relative_to(folder).as_posix(): None if p.is_dir() else p.read_bytes() for p in paths}


def write_tree(tree: Tree, folder: Path) -> None:
    """The opposite of ``tree_of``; parents come before what is in them."""
    for name, content in tree.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)


@dataclass(eq=False)
class File:
    content: bytes = b""
    synced: int = 0


@dataclass(eq=False)
class Change:
    """Names of a folder that change at once; None for a name that goes."""

    names: dict[str, "File | Folder | None"]


@dataclass(eq=False)
class Folder:
    synced: dict[str, "File | Folder"] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def entries(self, keeps: "Callable[[Change], bool]") -> "dict[str, File | Folder]":
        names: dict[str, File | Folder | None] = dict(self.synced)
        for change in self.pending:
            if keeps(change):
                names |= change.names
        return {name: node for name, node in names.items() if node is not None}


class Disk:
    """What is certainly on the disk, and what may be on it."""

    def __init__(self, start: Tree) -> None:
        self._root = Folder()
        self._files: dict[int, File] = {}
        self._folders = [self._root]
        for name, content in start.items():
            folder, last = self._parent(name)
            folder.synced[last] = self._new_folder() if content is None else File(content, len(content))

    def apply(self, event: Event) -> None:
        match event.call:
            case "mkdir":
                self._change(event.path, self._new_folder())
            case "open_new":
                self._files[event.file] = File()
                self._change(event.path, self._files[event.file])
            case "write":
                self._files[event.file].content += event.content
            case "fsync":
                self._files[event.file].synced = len(self._files[event.file].content)
            case "fsync_folder":
                folder = self._node(event.path)
                assert isinstance(folder, Folder)
                folder.synced, folder.pending = folder.entries(every_change), []
            case "rename":
                self._rename(event.path, event.target)
            case "link":
                self._change(event.target, self._node(event.path))
            case "unlink" | "rmdir":
                self._change(event.path, None)

    def pending(self) -> list[Change]:
        return [change for folder in self._folders for change in folder.pending]

    def tree(self, keeps: Callable[[Change], bool], content: Callable[[File], bytes]) -> Tree:
        """The folder after a power cut that keeps these changes of names, and these bytes of each file."""
        files: Tree = {}

        def walk(folder: Folder, prefix: str) -> None:
            for name, node in folder.entries(keeps).items():
                if isinstance(node, Folder):
                    files[prefix + name] = None
                    walk(node, f"{prefix}{name}/")
                else:
                    files[prefix + name] = content(node)

        walk(self._root, "")
        return files

    def _new_folder(self) -> Folder:
        self._folders.append(Folder())
        return self._folders[-1]

    def _node(self, path: str) -> "File | Folder":
        node: File | Folder = self._root
        for part in Path(path).parts:
            assert isinstance(node, Folder)
            node = node.entries(every_change)[part]
        return node

    def _parent(self, path: str) -> tuple[Folder, str]:
        folder = self._node(str(Path(path).parent))
        assert isinstance(folder, Folder)
        return folder, Path(path).name

    def _change(self, path: str, node: "File | Folder | None") -> None:
        folder, name = self._parent(path)
        folder.pending.append(Change({name: node}))

    def _rename(self, source: str, target: str) -> None:
        node = self._node(source)
        (old, old_name), (new, new_name) = self._parent(source), self._parent(target)
        if old is new:
            new.pending.append(Change({old_name: None, new_name: node}))
        else:
            new.pending.append(Change({new_name: node}))
            old.pending.append(Change({old_name: None}))


def every_change(change: Change) -> bool:
    return True
