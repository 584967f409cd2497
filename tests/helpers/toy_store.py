"""A small dictionary on disk that works like an index: the test harnesses are themselves tested with it."""

import json
import random
from pathlib import Path

from bicross.index.files import Filesystem


class ToyStore:
    """Segments that never change, a MANIFEST that lists them, and a MANIFEST.<generation> for each older generation."""

    def __init__(self, path: Path, filesystem: Filesystem | None = None) -> None:
        self.path, self.filesystem = path, filesystem or Filesystem()
        self.refresh()

    @classmethod
    def create(cls, path: Path, filesystem: Filesystem | None = None) -> "ToyStore":
        filesystem = filesystem or Filesystem()
        filesystem.make_folder(path / "segments")
        filesystem.replace(path / "MANIFEST", b'{"generation": 0, "segments": []}')
        return cls(path, filesystem)

    def refresh(self) -> None:
        while True:
            self.manifest = json.loads((self.path / "MANIFEST").read_bytes())
            self.generation = self.manifest["generation"]
            files = [self.path / "segments" / name / "data.json" for name in self.manifest["segments"]]
            try:
                self.segments = [json.loads(file.read_bytes()) for file in files]
            except FileNotFoundError:  # compacted away since, or lost
                if json.loads((self.path / "MANIFEST").read_bytes()) == self.manifest:
                    raise
            else:
                return

    def contents(self) -> dict[str, str]:
        merged = {key: value for segment in self.segments for key, value in segment.items()}
        return {key: value for key, value in merged.items() if value is not None}

    def put(self, changes: dict[str, str | None]) -> None:
        """Set, or with None delete."""
        self._commit([*self.manifest["segments"], self._write_segment(changes)])

    def compact(self) -> None:
        self._commit([self._write_segment(self.contents())])
        for older in self.path.glob("MANIFEST.*"):
            self.filesystem.remove_file(older)
        self.filesystem.fsync_folder(self.path)  # or an older manifest may be there again, and its segments not
        self._collect()

    def rollback(self, generation: int) -> None:
        self._commit(json.loads((self.path / f"MANIFEST.{generation}").read_bytes())["segments"])

    def _write_segment(self, changes: dict[str, str | None]) -> str:
        self._collect()
        name = f"{self.generation + 1}-{random.randbytes(4).hex()}"
        folder = self.path / "segments" / name
        self.filesystem.make_folder(folder)
        with self.filesystem.create(folder / "data.json") as file:
            file.write(json.dumps(changes).encode())
        self.filesystem.fsync_folder(folder)
        return name

    def _commit(self, segments: list[str]) -> None:
        self.filesystem.replace(self.path / f"MANIFEST.{self.generation}", json.dumps(self.manifest).encode())
        manifest = json.dumps({"generation": self.generation + 1, "segments": segments}).encode()
        self.filesystem.replace(self.path / "MANIFEST", manifest)
        self.refresh()

    def _collect(self) -> None:
        """Delete what no retained generation lists."""
        for file in self.path.glob("MANIFEST*.tmp"):
            self.filesystem.remove_file(file)
        listed = {name for file in self.path.glob("MANIFEST*") for name in json.loads(file.read_bytes())["segments"]}
        for folder in (self.path / "segments").iterdir():
            if folder.name not in listed:
                self.filesystem.remove_folder(folder)

    # What the kill loop of crash_workers.py asks for.

    def apply(self, kind: str, put: dict[str, str], removed: list[str]) -> None:
        if kind == "compact":
            self.compact()
        else:
            self.put(put | dict.fromkeys(removed))

    def probe(self) -> None:
        """The dictionary has no search."""


class ForgetfulStore(ToyStore):
    """Acknowledges every third change without making it."""

    def apply(self, kind: str, put: dict[str, str], removed: list[str]) -> None:
        if random.randrange(3):
            super().apply(kind, put, removed)


class HastyStore(ToyStore):
    """Deletes the manifest before it writes the new one."""

    def _commit(self, segments: list[str]) -> None:
        self.filesystem.remove_file(self.path / "MANIFEST")
        super()._commit(segments)
