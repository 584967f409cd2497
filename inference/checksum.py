"""Computes the sha256 of files, and caches it while a file does not change."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The sha256 of a file in hex.

    A pipeline needs the hash of the weights several times while it opens, so a process computes it once for each file.
    """
    state = path.stat()
    return _sha256(path, (state.st_ino, state.st_size, state.st_mtime_ns))


def combined_sha256(paths: Sequence[Path]) -> str:
    """The sha256 of one file, or the sha256 of the joined hex hashes of several files; in hex."""
    digests = [sha256_of(path) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, state: tuple[int, int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
