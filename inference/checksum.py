"""The sha256 of a file, remembered while the file stays the same. Knows nothing of what is in it."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path


def sha256_of(path: Path) -> str:
    """In hex. Weights are asked for several times while a pipeline opens, so a process computes each file once."""
    state = path.stat()
    return _sha256(path, (state.st_ino, state.st_size, state.st_mtime_ns))


def combined_sha256(paths: Sequence[Path]) -> str:
    """The hash of one file, or the hash of the hashes of several."""
    digests = [sha256_of(path) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, state: tuple[int, int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
