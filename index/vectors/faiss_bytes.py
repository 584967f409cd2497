"""Reads and checks the parts of a serialised FAISS index that hold row numbers.

A row number outside of the index would make a search of FAISS read memory that does not belong to the index.
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
    """The bytes are not an index that bicross reads. The message is the reason, without the name of the file."""


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """What a stored index is.

    Attributes:
        family: The outermost class.
        kind: Its type in the words of a FAISS factory string.
        dimension: The length of a vector.
        rows: The number of vectors.
        lists: The number of inverted lists; 0 for none.
        refined: Whether it has a refinement.
        graph: Whether it has a neighbour graph.
    """

    family: str
    kind: str
    dimension: int
    rows: int
    lists: int = 0
    refined: bool = False
    graph: bool = False


def require(condition: object, reason: str) -> None:
    """Raise ``FormatError`` with ``reason`` unless the condition holds."""
    if not condition:
        raise FormatError(reason)


class Cursor:
    """Reads little-endian values one after the other, and never past the end."""

    def __init__(self, content: NDArray[np.uint8]) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        """The number of bytes that have not been read."""
        return len(self._content) - self._at

    def take(self, size: int) -> NDArray[np.uint8]:
        """Return the next ``size`` bytes as a view."""
        require(0 <= size <= self.left, f"it declares {size} bytes where {self.left} are left")
        self._at += size
        return self._content[self._at - size : self._at]

    def fields(self, layout: str) -> tuple[Any, ...]:
        """Return the next fields, packed, given their types in the notation of ``struct``."""
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)).tobytes())

    def tag(self) -> str:
        """Return the next four bytes as a text."""
        return self.take(4).tobytes().decode("latin-1")

    def array(self, dtype: str, count: int | None = None) -> NDArray[Any]:
        """Return the next array.

        Args:
            dtype: The type of its values.
            count: The number of its values; None if the file has it before the array.
        """
        length = self.fields("Q")[0] if count is None else count
        return self.take(length * np.dtype(dtype).itemsize).view(dtype)


def read_lists(cursor: Cursor, *, lists: int, rows: int, size: int) -> None:
    """Check inverted lists that together hold every row once.

    Args:
        cursor: Where the lists begin.
        lists: The number of lists.
        rows: The number of rows.
        size: The bytes of a code.

    Raises:
        FormatError: The lists are damaged.
    """
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
    is_listed = np.zeros(rows, bool)
    for length in sizes.tolist():
        cursor.take(length * size)
        _mark(is_listed, cursor.array("i8", length))
    require(is_listed.all() and int(sizes.sum()) == rows, "its inverted lists do not hold every row once")


def read_blocks(cursor: Cursor, *, lists: int, rows: int, block: int, size: int) -> None:
    """Check inverted lists that are stored in blocks and together hold every row once.

    Args:
        cursor: Where the lists begin.
        lists: The number of lists.
        rows: The number of rows.
        block: The rows of a block.
        size: The bytes of a block.

    Raises:
        FormatError: The lists are damaged.
    """
    require(cursor.tag() == "ilbl", "its inverted lists are not stored in the file itself")
    require(cursor.fields("QqQQ") == (lists, -1, block, size), "its inverted lists do not fit its quantiser")
    is_listed, total = np.zeros(rows, bool), 0
    for _ in range(lists):
        ids = cursor.array("i8")
        total += len(ids)
        _mark(is_listed, ids)
        expect_length(cursor.array("u1"), -(-len(ids) // block) * size)
    require(is_listed.all() and total == rows, "its inverted lists do not hold every row once")


def read_graph(cursor: Cursor, rows: int) -> int:
    """Check the neighbour graph of HNSW.

    Args:
        cursor: Where the graph begins.
        rows: The number of rows.

    Returns:
        The number of neighbours of a row in the upper levels.

    Raises:
        FormatError: The graph is damaged.
    """
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
    """Raise ``FormatError`` unless there are ``length`` values."""
    require(len(values) == length, f"it holds {len(values)} values where {length} belong")


def _mark(is_listed: NDArray[np.bool_], ids: NDArray[Any]) -> None:
    require(((ids >= 0) & (ids < len(is_listed))).all(), "an inverted list holds a row that the index does not have")
    is_listed[ids] = True
