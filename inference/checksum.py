"""The sha256 of a file, remembered while the file stays the same. Knows nothing of what is in it."""

import functools
import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """In hex. Weights are asked for several times while a pipeline opens, so a process computes each file once."""
    state = path.stat()
    return _sha256(path, (state.st_ino, state.st_size, state.st_mtime_ns))


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, state: tuple[int, int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
