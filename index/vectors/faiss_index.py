"""VectorIndex: stores vectors and finds the nearest ones.

The only metric is the inner product, which is the cosine of unit vectors. A search changes nothing that is shared, so
any number of threads may search one index. Only one thread may add, and not during searches.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt
from ..files import File, MappedFile, map_file, raise_if_out_of_memory
from .faiss_bytes import FormatError, StoredIndex
from .faiss_checks import check_content, check_file
from .faiss_parts import (
    REMEDY,
    deserialisation_limit,
    deserialised,
    finest_store,
    inner_index,
    quiet_training,
    search_parameters,
    takes_filter,
    untrained,
)
from .faiss_words import reason
from .scan import DEFAULT_SETTINGS, SearchSettings, as_float32_vectors, count_allowed, ordered, require_full, scan
from .threads import one_thread_a_query

FLAT = "Flat"
_EXACT_SHARE = 10
"""If a filter allows less than a tenth of the rows, search is exact. That is fast then; an approximate
search is tuned to find the first hundred rows, and would have to find the first thousand.
"""
_TIES = 32
"""An exact search asks for this many more rows than k, to see whether rows that tie with the last one are left out."""
_faiss: Any = faiss  # the stubs lack half of it

if hasattr(os, "register_at_fork"):
    # A forked process has none of its parent's threads, for which OpenMP would wait for ever.
    os.register_at_fork(after_in_child=partial(faiss.omp_set_num_threads, 1))
if sys.platform == "darwin":
    # On macOS the wheels of torch and faiss each bring an OpenMP runtime; two of them with threads crash the process.
    faiss.omp_set_num_threads(1)


class VectorIndex:
    """Vectors, numbered from 0 in the order in which they are added. A new index is exact."""

    def __init__(self, dimension: int) -> None:
        self._set(faiss.IndexFlatIP(dimension), StoredIndex(FLAT, FLAT, dimension, 0), FLAT)

    def _set(self, index: Any, declared: StoredIndex, factory: str) -> None:  # noqa: ANN401 - untyped by faiss
        self._index = index
        self._store = finest_store(index)
        self._declared = declared
        self._growing = declared.rows == 0
        self.factory = factory
        self._file: MappedFile | None = None  # in whose memory the vectors are

    @classmethod
    def _of(cls, index: Any, declared: StoredIndex, factory: str) -> "VectorIndex":  # noqa: ANN401
        made = cls.__new__(cls)
        made._set(index, declared, factory)
        return made

    @classmethod
    def trained(cls, factory: str, sample: NDArray[np.float32]) -> "VectorIndex":
        """Make an empty index of another type, and train its quantisers.

        Args:
            factory: A FAISS factory string.
            sample: Vectors to train on, float32 of shape (n, dimension).

        Raises:
            ArgumentError: FAISS does not know the type, ``read`` would not accept it, or the sample is too small or not
                finite.
        """
        sample = as_float32_vectors(sample, None, "training vectors")
        index = untrained(factory, sample.shape[1])
        try:
            quiet_training(index)
            index.train(sample)
            declared = check_content(_faiss.serialize_index(index))
        except FormatError as error:
            raise ArgumentError(f"the index type {factory!r} is not supported: {error}; {REMEDY}") from None
        except (RuntimeError, MemoryError, AssertionError) as error:
            raise ArgumentError(
                f"the index type {factory!r} cannot be trained on {sample.shape[0]} vectors of {sample.shape[1]} "
                f"dimensions: {reason(error)}; give more vectors, or {REMEDY}"
            ) from error
        return cls._of(index, declared, factory)

    def empty_copy(self) -> "VectorIndex":
        """Return an index without rows that has the same trained quantisers, in memory of its own."""
        index = _faiss.clone_index(self._index)
        index.reset()
        part = index
        while part is not None:
            if hasattr(part, "ntotal2"):
                part.ntotal2 = 0  # which reset() leaves as it was
            part = inner_index(part)
        copied = VectorIndex._of(index, check_content(_faiss.serialize_index(index)), self.factory)
        copied._file = self._file
        return copied

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._declared.dimension

    @property
    def kind(self) -> str:
        """The type of the index in the words of a factory string, read from its bytes."""
        return self._declared.kind

    @property
    def lists(self) -> int:
        """The number of inverted lists, which is the highest ``nprobe``."""
        return self._declared.lists

    @property
    def tunable(self) -> tuple[str, ...]:
        """The names of the ``SearchSettings`` that this type of index uses."""
        settings = (("nprobe", self.lists), ("ef_search", self._declared.graph), ("k_factor", self._declared.refined))
        return tuple(name for name, present in settings if present)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append vectors.

        Args:
            vectors: Float32 of shape (n, dimension).

        Raises:
            ArgumentError: The shape is another, a value is not finite, or the index was read from a file with rows.
        """
        if not self._growing:
            raise ArgumentError("this index was read from a file and cannot grow; add to an empty_copy() of it")
        vectors = as_float32_vectors(vectors, self.dimension, "vectors")
        if len(vectors):
            self._index.add(vectors)

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        settings: SearchSettings = DEFAULT_SETTINGS,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the rows with the highest inner product for each vector.

        Args:
            vectors: Float32 of shape (n, dimension).
            k: How many rows to find.
            settings: How hard to search.
            allowed: Which rows may be found, bool of shape (rows,); None allows all.

        Returns: Scores (float32) and rows (int64), both of shape (n, min(k, allowed rows)), best first, ties in the
        order of rows.

        Raises:
            ArgumentError: The vectors have another shape or are not finite, k is negative, or the mask has another
                shape.
            IndexCorrupt: A score is not a finite number.
        """
        vectors = as_float32_vectors(vectors, self.dimension, "query vectors")
        if k < 0:
            raise ArgumentError(f"k is {k}; it must not be negative")
        count = count_allowed(allowed, len(self))
        k = min(k, count)
        if k == 0 or not len(vectors):
            return np.empty((len(vectors), k), np.float32), np.empty((len(vectors), k), np.int64)
        allowed = None if count == len(self) else allowed
        with one_thread_a_query(len(vectors)):
            if self._declared.family in ("Flat", "SQ") or count * _EXACT_SHARE < len(self):
                return require_full(*self._exhaustive(vectors, k, allowed))
            scores, rows = self._approximate(vectors, k, settings, allowed)
            short = (rows < 0).any(axis=1)
            if short.any():
                scores[short], rows[short] = self._exhaustive(vectors[short], k, allowed)
        return require_full(*ordered(scores, rows, k))

    def _approximate(
        self, vectors: NDArray[np.float32], k: int, settings: SearchSettings, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return what FAISS finds, with -1 where it finds no more rows."""
        if allowed is None or takes_filter(self._index):
            return self._index.search(vectors, k, params=search_parameters(self._index, settings, allowed))
        # This kind takes no filter: ask for enough rows that k remain after filtering, and some to spare.
        share = np.count_nonzero(allowed) / len(self)
        asked = min(len(self), int(1.2 * k / share) + _TIES)
        scores, rows = self._index.search(vectors, asked, params=search_parameters(self._index, settings, None))
        allowed_first = np.argsort(~((rows >= 0) & allowed[rows]), axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, allowed_first, 1), np.take_along_axis(rows, allowed_first, 1)
        rows[(rows >= 0) & ~allowed[rows]] = -1
        return scores, rows

    def _exhaustive(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Compare all allowed rows, as exactly as their stored codes permit."""
        if takes_filter(self._store) and not (self._declared.graph and self._store is self._index):
            settings = SearchSettings(nprobe=self.lists or None)
            parameters = search_parameters(self._store, settings, allowed)
            raw_scores, raw_rows = self._store.search(vectors, k + _TIES, params=parameters)
            scores, rows = ordered(raw_scores, raw_rows, k)
            # FAISS keeps any of the rows that tie with the last one, so the result is certain only if all are there.
            unsure = (raw_rows[:, -1] >= 0) & (raw_scores[:, -1] == raw_scores[:, k - 1])
            if (self.lists and self._store is self._index) or not unsure.any():
                return scores, rows
        else:
            unsure = np.ones(len(vectors), bool)
            scores, rows = np.empty((len(vectors), k), np.float32), np.empty((len(vectors), k), np.int64)
        numbers = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        scores[unsure], rows[unsure] = scan(vectors[unsure], numbers, self._store.reconstruct_batch, k=k)
        return scores, rows

    def vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the vectors of some rows, as exactly as their codes permit.

        Args:
            start: The first row.
            stop: The row after the last one.

        Returns:
            Float32 of shape (stop - start, dimension).

        Raises:
            ArgumentError: The rows are not in the index.
        """
        if not 0 <= start <= stop <= len(self):
            raise ArgumentError(f"rows {start} to {stop} are not within the {len(self)} rows of the index")
        if start == stop:
            return np.empty((0, self.dimension), np.float32)
        return self._index.reconstruct_n(start, stop - start)

    def write(self, write: Callable[[bytes], object]) -> None:
        """Serialise the index through ``write``.

        Errors of ``write`` are passed on. FAISS's own file writer hides a full disk.
        """
        faiss.write_index(self._index, _faiss.PyCallbackIOWriter(write))

    @classmethod
    def read(
        cls, path: File, *, dimension: int, rows: int, factory: str = FLAT, like: "VectorIndex | None" = None
    ) -> "VectorIndex":
        """Read a file, which is mapped if it is not yet. Its checksum must have been verified.

        Even so every size, nested index and row number in it is checked before FAISS reads it.

        Args:
            path: The file.
            dimension: The length of a vector that the manifest lists.
            rows: The number of vectors that the manifest lists.
            factory: The factory string that the index was made of.
            like: An index of the kind that the file must have. None: "Flat" if that is the factory, else any kind that
                bicross reads.

        Raises:
            IndexCorrupt: The file is damaged, or has another kind or shape.
            OSError: The system cannot read the file; it is not damaged.
            MemoryError: Memory is exhausted; the file is not damaged.
        """
        kind = like.kind if like is not None else FLAT if factory == FLAT else None
        file = path if isinstance(path, MappedFile) else map_file(path)
        declared = check_file(file, dimension=dimension, rows=rows, kind=kind)
        # FAISS counts the tables of IVFPQ too, although it needs them for another metric only; a row has 1 KiB at most.
        try:
            with deserialisation_limit(file.content.size + (declared.lists * dimension << 10)):
                index = deserialised(np.frombuffer(file.content, np.uint8), shared=rows > 0)
        except RuntimeError as error:
            raise_if_out_of_memory(error)
            raise IndexCorrupt(f"{path} cannot be read by faiss: {reason(error)}") from error
        if (index.d, index.ntotal, index.metric_type) != (dimension, rows, faiss.METRIC_INNER_PRODUCT):
            raise IndexCorrupt(f"{path} holds another index than its first bytes declare")
        made = cls._of(index, declared, factory)
        made._file = file
        return made
