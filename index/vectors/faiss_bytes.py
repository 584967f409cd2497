"""Reads and checks the parts of a serialised FAISS index that hold row numbers.

A row number that points outside of the index would make FAISS read, while it searches, memory that is not its own.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_LEVELS = 64
_MAX_NEIGHBOURS = 1 << 12
_MAX_EFFORT = 1 << 16


class FormatError(ValueError):
    """The bytes are not an index that bicross reads; the message is the reason, without the name of the file."""


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """What an index is: ``kind`` in the words of a FAISS factory string, its shape, and what can be tuned in a search.

    ``family`` is the outermost class; ``lists`` counts the inverted lists (0: none), ``refined`` and ``graph`` say
    whether there is a refinement and a neighbour graph anywhere in it.
    """

    family: str
    kind: str
    dimension: int
    rows: int
    lists: int = 0
    refined: bool = False
    graph: bool = False


def require(condition: object, reason: str) -> None:
    """``FormatError`` unless the condition holds."""
    if not condition:
        raise FormatError(reason)


class Cursor:
    """Reads little-endian values one after the other, never beyond the end."""

    def __init__(self, content: NDArray[np.uint8]) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._content) - self._at

    def take(self, size: int) -> NDArray[np.uint8]:
        """The next ``size`` bytes, as a view."""
        require(0 <= size <= self.left, f"it declares {size} bytes where {self.left} are left")
        self._at += size
        return self._content[self._at - size : self._at]

    def fields(self, layout: str) -> tuple[Any, ...]:
        """Fields in the notation of ``struct``, packed."""
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)).tobytes())

    def tag(self) -> str:
        """A four-character code."""
        return self.take(4).tobytes().decode("latin-1")

    def array(self, dtype: str, count: int | None = None) -> NDArray[Any]:
        """An array, preceded by its length unless ``count`` gives that."""
        length = self.fields("Q")[0] if count is None else count
        return self.take(length * np.dtype(dtype).itemsize).view(dtype)


def read_lists(cursor: Cursor, *, lists: int, rows: int, size: int) -> None:
    """Inverted lists with codes of ``size`` bytes, which together hold every row once."""
    require(cursor.tag() == "ilar", "its inverted lists are not stored in the file itself")
    require(cursor.fields("QQ") == (lists, size), "its inverted lists do not fit its quantiser")
    tag = cursor.tag()
    require(tag in ("full", "sprs"), f"its inverted lists are stored as {tag!r}")
    sizes = cursor.array("u8")
    if tag == "full":
        require(len(sizes) == lists, f"it declares the sizes of {len(sizes)} lists of {lists}")
    else:
        require(len(sizes) % 2 == 0, "the sizes of its lists are incomplete")
        numbers, sizes = sizes[::2], sizes[1::2]
        require((numbers < lists).all() and (numbers[1:] > numbers[:-1]).all(), "its lists are out of order")
    seen = np.zeros(rows, bool)
    for length in sizes.tolist():
        cursor.take(length * size)
        _mark(seen, cursor.array("i8", length))
    require(seen.all() and int(sizes.sum()) == rows, "its inverted lists do not hold every row once")


def read_blocks(cursor: Cursor, *, lists: int, rows: int, block: int, size: int) -> None:
    """Inverted lists in blocks of ``block`` rows and ``size`` bytes, which together hold every row once."""
    require(cursor.tag() == "ilbl", "its inverted lists are not stored in the file itself")
    require(cursor.fields("QqQQ") == (lists, -1, block, size), "its inverted lists do not fit its quantiser")
    seen, total = np.zeros(rows, bool), 0
    for _ in range(lists):
        ids = cursor.array("i8")
        total += len(ids)
        _mark(seen, ids)
        expect_length(cursor.array("u1"), -(-len(ids) // block) * size)
    require(seen.all() and total == rows, "its inverted lists do not hold every row once")


def read_graph(cursor: Cursor, rows: int) -> int:
    """The neighbour graph of HNSW over ``rows`` rows; returns the neighbours of a row in the upper levels."""
    probabilities, slots = cursor.array("f8"), cursor.array("i4").astype(np.int64)
    levels, offsets = cursor.array("i4").astype(np.int64), cursor.array("u8")
    neighbours = cursor.array("i4")
    entry, top, *efforts, _ = cursor.fields("iiiii")
    require(0 < len(probabilities) < _MAX_LEVELS and len(slots) == len(probabilities) + 1, "its levels do not fit")
    widths = np.diff(slots)
    require(slots[0] == 0 and ((widths > 0) & (widths <= _MAX_NEIGHBOURS)).all(), "its levels do not fit")
    require(all(0 < effort <= _MAX_EFFORT for effort in efforts), "its search effort is out of bounds")
    require((len(levels), len(offsets)) == (rows, rows + 1), f"its graph has {len(levels)} nodes for {rows} rows")
    require(((levels > 0) & (levels < len(slots))).all(), "its nodes have impossible levels")
    ends = np.concatenate(([0], np.cumsum(slots[levels])))
    require((offsets == ends.astype(np.uint64)).all(), "its nodes have impossible places")
    require(len(neighbours) == ends[-1], f"it has {len(neighbours)} links, not {ends[-1]}")
    require(((neighbours >= -1) & (neighbours < rows)).all(), "a link leads outside of its graph")
    require((levels.max(initial=0) - 1, rows > 0) == (top, 0 <= entry < rows), "its entry is outside of the graph")
    require(rows == 0 or levels[entry] == top + 1, "its entry is not in the top level")
    for level in range(1, top + 1):
        nodes = np.flatnonzero(levels > level)
        links = neighbours[ends[nodes][:, None] + np.arange(slots[level], slots[level + 1])]
        require(((links < 0) | (levels[links] > level)).all(), "a link leads to a node that is not in its level")
    return int(widths[-1])


def expect_length(values: NDArray[Any], length: int) -> None:
    """``FormatError`` unless there are so many."""
    require(len(values) == length, f"it holds {len(values)} values where {length} belong")


def _mark(seen: NDArray[np.bool_], ids: NDArray[Any]) -> None:
    require(((ids >= 0) & (ids < len(seen))).all(), "an inverted list holds a row that the index does not have")
    seen[ids] = True
