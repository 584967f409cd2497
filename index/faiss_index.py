"""Vectors and their nearest neighbours: the only file that imports faiss. Knows rows and scores, and no document.

One metric: the inner product, which of unit vectors is the cosine.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from ..errors import IndexCorrupt

FLAT = "Flat"

if sys.platform == "darwin":
    # On macOS the wheels of torch and faiss each bring an OpenMP runtime; two of them with threads crash the process.
    faiss.omp_set_num_threads(1)


class VectorIndex:
    """An exact inner-product index; row numbers count from 0 in the order of adding."""

    def __init__(self, dimension: int) -> None:
        self._faiss = faiss.IndexFlatIP(dimension)

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append vectors of shape (n, dimension)."""
        self._faiss.add(np.ascontiguousarray(vectors, dtype=np.float32))  # pyright: ignore[reportCallIssue]

    def search(self, vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows, both of shape (n, min(k, rows)), best first."""
        k = min(k, len(self))
        if k == 0:
            return np.empty((len(vectors), 0), np.float32), np.empty((len(vectors), 0), np.int64)
        return self._faiss.search(np.ascontiguousarray(vectors, dtype=np.float32), k)  # pyright: ignore[reportCallIssue]

    def write(self, write: Callable[[bytes], object]) -> None:
        """Serialise through ``write``, whose errors are passed on: faiss's own file writer hides a full disk."""
        writer = cast(Any, faiss).PyCallbackIOWriter(write)  # the type stubs lack it
        faiss.write_index(self._faiss, writer)

    @classmethod
    def read(cls, path: Path, *, dimension: int, rows: int) -> "VectorIndex":
        """Map a file whose checksum has been verified; ``IndexCorrupt`` where it is not what the manifest says."""
        try:
            loaded = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IndexCorrupt(f"{path} cannot be read by faiss: {error}") from error
        if not isinstance(loaded, faiss.IndexFlatIP):
            raise IndexCorrupt(f"{path} holds a {type(loaded).__name__}, which bicross does not read")
        if (loaded.d, loaded.ntotal) != (dimension, rows):
            raise IndexCorrupt(
                f"{path} holds {loaded.ntotal} vectors of {loaded.d} dimensions; "
                f"the manifest says {rows} of {dimension}"
            )
        index = cls.__new__(cls)
        index._faiss = loaded
        return index
