"""VectorIndex: stores vectors and finds the nearest ones. The only module that imports faiss.

One metric: the inner product, which of unit vectors is the cosine. Nothing that is shared changes during a search, so
that any number of threads may search one index; adding is for one thread, before.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt
from ..files import raise_if_out_of_memory
from .faiss_checks import FormatError, StoredIndex, check_content, check_file
from .faiss_parts import (
    REMEDY,
    deserialisation_limit,
    finest_store,
    inner_index,
    quiet_training,
    search_parameters,
    takes_filter,
    untrained,
)
from .faiss_words import reason
from .scan import DEFAULT_SETTINGS, SearchSettings, checked, count_allowed, ordered, require_full, scan

FLAT = "Flat"
_EXACT_SHARE = 10
"""A filter that leaves less than a tenth of the rows is answered exactly: that is fast then, and a search among all
rows, tuned to find the first hundred of them, would have to find the first thousand."""
_TIES = 32
"""So many more than k are asked of an exact index, to see whether rows that tie with the last one were left out."""
_faiss: Any = faiss  # the stubs lack half of it

if sys.platform == "darwin":
    # On macOS the wheels of torch and faiss each bring an OpenMP runtime; two of them with threads crash the process.
    faiss.omp_set_num_threads(1)


class VectorIndex:
    """Vectors under row numbers that count from 0 in the order of adding; a new one is exact."""

    def __init__(self, dimension: int) -> None:
        self._set(faiss.IndexFlatIP(dimension), StoredIndex(FLAT, FLAT, dimension, 0), FLAT)

    def _set(self, index: Any, declared: StoredIndex, factory: str) -> None:  # noqa: ANN401 - untyped by faiss
        self._index = index
        self._store = finest_store(index)
        self._declared = declared
        self._growing = declared.rows == 0
        self.factory = factory

    @classmethod
    def _of(cls, index: Any, declared: StoredIndex, factory: str) -> "VectorIndex":  # noqa: ANN401
        made = cls.__new__(cls)
        made._set(index, declared, factory)
        return made

    @classmethod
    def trained(cls, factory: str, sample: NDArray[np.float32]) -> "VectorIndex":
        """An empty index of a kind that FAISS calls ``factory``, its quantisers trained on float32 (rows, dimension).

        ``ArgumentError`` for a string that FAISS does not know, a sample that is too small or not finite, and a kind
        that ``read`` would refuse.
        """
        sample = checked(sample, None, "training vectors")
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
        """An index without rows that shares what this one has learnt in training, and no memory."""
        index = _faiss.clone_index(self._index)
        index.reset()
        part = index
        while part is not None:
            if hasattr(part, "ntotal2"):
                part.ntotal2 = 0  # which reset() leaves as it was
            part = inner_index(part)
        return VectorIndex._of(index, check_content(_faiss.serialize_index(index)), self.factory)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return self._declared.dimension

    @property
    def kind(self) -> str:
        """What the index is, read from its own bytes, in the words of a factory string."""
        return self._declared.kind

    @property
    def lists(self) -> int:
        """Inverted lists, the most that ``nprobe`` can be."""
        return self._declared.lists

    @property
    def tunable(self) -> tuple[str, ...]:
        """The names of the ``SearchSettings`` that this kind of index heeds."""
        has = (("nprobe", self.lists), ("ef_search", self._declared.graph), ("k_factor", self._declared.refined))
        return tuple(name for name, present in has if present)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append float32 vectors of shape (n, dimension). ``ArgumentError`` for others, and after ``read`` of rows."""
        if not self._growing:
            raise ArgumentError("this index was read from a file and cannot grow; add to an empty_copy() of it")
        vectors = checked(vectors, self.dimension, "vectors")
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
        """The k rows of highest inner product for each of float32 (n, dimension); only those that ``allowed`` names.

        Returns float32 scores and int64 rows, both of shape (n, min(k, rows allowed)), best first, ties in the order
        of rows; always full. ``ArgumentError`` for vectors of another shape or that are not finite, for k < 0, and
        where ``allowed`` is not one bool for each row; ``IndexCorrupt`` where a score is no number.
        """
        vectors = checked(vectors, self.dimension, "query vectors")
        if k < 0:
            raise ArgumentError(f"k is {k}; it must not be negative")
        count = count_allowed(allowed, len(self))
        k = min(k, count)
        if k == 0 or not len(vectors):
            return np.empty((len(vectors), k), np.float32), np.empty((len(vectors), k), np.int64)
        allowed = None if count == len(self) else allowed
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
        """As FAISS finds them, with -1 where it finds no more."""
        if allowed is None or takes_filter(self._index):
            return self._index.search(vectors, k, params=search_parameters(self._index, settings, allowed))
        # No selector in this kind: ask for as many more as the filter will take away, with some to spare.
        share = np.count_nonzero(allowed) / len(self)
        asked = min(len(self), int(1.2 * k / share) + _TIES)
        scores, rows = self._index.search(vectors, asked, params=search_parameters(self._index, settings, None))
        kept = np.argsort(~((rows >= 0) & allowed[rows]), axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, kept, 1), np.take_along_axis(rows, kept, 1)
        rows[(rows >= 0) & ~allowed[rows]] = -1
        return scores, rows

    def _exhaustive(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Every allowed row compared, as precisely as its stored code permits."""
        if takes_filter(self._store) and not (self._declared.graph and self._store is self._index):
            settings = SearchSettings(nprobe=self.lists or None)
            parameters = search_parameters(self._store, settings, allowed)
            raw_scores, raw_rows = self._store.search(vectors, k + _TIES, params=parameters)
            scores, rows = ordered(raw_scores, raw_rows, k)
            # Which of the rows that tie with the last one FAISS has kept is chance, unless all of them are there.
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
        """The vectors of rows ``start`` to ``stop`` as float32 (stop - start, dimension), as far as codes keep them."""
        if not 0 <= start <= stop <= len(self):
            raise ArgumentError(f"rows {start} to {stop} are not within the {len(self)} rows of the index")
        if start == stop:
            return np.empty((0, self.dimension), np.float32)
        return self._index.reconstruct_n(start, stop - start)

    def write(self, write: Callable[[bytes], object]) -> None:
        """Serialise through ``write``, whose errors are passed on: faiss's own file writer hides a full disk."""
        faiss.write_index(self._index, _faiss.PyCallbackIOWriter(write))

    @classmethod
    def read(
        cls, path: Path, *, dimension: int, rows: int, factory: str = FLAT, like: "VectorIndex | None" = None
    ) -> "VectorIndex":
        """Map a file whose checksum has been verified, though it may come from someone who means harm.

        Every size, nested index and row number in it is checked before FAISS sees the file. ``IndexCorrupt`` where it
        is damaged, is not of the kind of ``like`` (without that: of a kind that bicross reads, and "Flat" where that
        is the factory), or has not so many ``rows`` of ``dimension``. ``OSError`` and ``MemoryError`` are the
        machine's: they do not say that the file is damaged.
        """
        kind = like.kind if like is not None else FLAT if factory == FLAT else None
        declared = check_file(path, dimension=dimension, rows=rows, kind=kind)
        # FAISS counts tables of IVFPQ too, which it needs for another metric only; a row of them is 1 KiB at most.
        try:
            with deserialisation_limit(path.stat().st_size + (declared.lists * dimension << 10)):
                # An index without rows is there to be copied and added to, which a mapped one cannot be.
                index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if rows else 0)
        except (RuntimeError, FileNotFoundError) as error:
            raise_if_out_of_memory(error)
            raise IndexCorrupt(f"{path} cannot be read by faiss: {reason(error)}") from error
        if (index.d, index.ntotal, index.metric_type) != (dimension, rows, faiss.METRIC_INNER_PRODUCT):
            raise IndexCorrupt(f"{path} is not what its first bytes say")
        return cls._of(index, declared, factory)
