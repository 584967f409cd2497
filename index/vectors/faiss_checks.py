"""Checks the bytes of a serialised FAISS index before FAISS reads them.

FAISS trusts a file: it allocates declared sizes, follows stored row numbers, and opens paths that the file names. This
module compares every size with the bytes that are there and every row number with the number of rows. It accepts only
the kinds named below, and nothing after the index.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...errors import IndexCorrupt
from ..files import MappedFile
from .faiss_bytes import (
    Cursor,
    FormatError,
    StoredIndex,
    expect_length,
    read_blocks,
    read_graph,
    read_lists,
    require,
)

_INNER_PRODUCT = 0
_MAX_DIMENSION = 1 << 16
_BLOCKS = (32, 64, 96, 128, 160, 192, 224, 256)
_MAX_PQ_BITS = 8
"""FAISS makes tables of 4**bits entries for a product quantiser: with more bits a small file fills the memory."""


def check_content(content: NDArray[np.uint8]) -> StoredIndex:
    """Check a whole serialised index.

    Args:
        content: The bytes, uint8 of shape (bytes,).

    Raises:
        FormatError: The bytes are not exactly one consistent index of a kind that bicross reads.
    """
    cursor = Cursor(content)
    declared = read_index(cursor, ("Flat", "SQ", "PQ", "PQfs", "IVF", "HNSW", "PreTransform", "Refine"))
    require(cursor.left == 0, f"{cursor.left} bytes follow the index")
    # Reconstructing from such lists after reading them crashes FAISS 1.15.1; a refinement keeps codes of its own.
    bare = declared.lists and "fs" in declared.kind and not declared.refined
    require(
        not bare, f"it is of kind {declared.kind}, which is supported only with a refinement, as by adding ,Refine(SQ8)"
    )
    return declared


def check_file(file: MappedFile, *, dimension: int, rows: int, kind: str | None) -> StoredIndex:
    """Check a file that holds a serialised index.

    Args:
        file: The file.
        dimension: The length of a vector that the manifest lists.
        rows: The number of vectors that the manifest lists.
        kind: The kind that the index must be of; None accepts all that bicross reads.

    Raises:
        IndexCorrupt: The file is damaged, or not what the manifest lists.
    """
    try:
        declared = check_content(np.frombuffer(file.content, np.uint8))
    except FormatError as error:
        raise IndexCorrupt(f"{file} is damaged: {error}") from None
    if (declared.dimension, declared.rows) != (dimension, rows):
        raise IndexCorrupt(
            f"{file} holds {declared.rows} vectors of {declared.dimension} dimensions; "
            f"the manifest says {rows} of {dimension}"
        )
    if kind not in (None, declared.kind):
        raise IndexCorrupt(f"{file} holds an index of kind {declared.kind}; the manifest says {kind}")
    return declared


def read_index(cursor: Cursor, allowed: tuple[str, ...]) -> StoredIndex:
    """Check an index with everything nested in it.

    Args:
        cursor: Where the index begins.
        allowed: The families that it may be of.

    Raises:
        FormatError: The index is damaged or of another family.
    """
    tag = cursor.tag()
    require(tag in _READERS, f"it holds an index of kind {tag!r}, which bicross does not read")
    family, reader = _READERS[tag]
    require(family in allowed, f"an index of family {family} stands where only {', '.join(allowed)} may")
    dimension, rows, _, _, trained, metric = cursor.fields("iqqqBi")
    require(0 < dimension <= _MAX_DIMENSION, f"it has {dimension} dimensions")
    require(0 <= rows <= cursor.left, f"it declares {rows} rows where {cursor.left} bytes are left")
    require(trained == 1, "it is not trained")
    require(metric == _INNER_PRODUCT, f"its metric is number {metric}, not the inner product")
    return reader(cursor, StoredIndex(family, family, dimension, rows))


def _flat(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
    expect_length(cursor.array("f4"), declared.rows * declared.dimension)
    return declared


def _scalar_quantiser(cursor: Cursor, declared: StoredIndex) -> tuple[str, int]:
    """Return its name and the bytes of a code."""
    # Number of the type: name, bits of a dimension, trained values (of each dimension, or of all together).
    kinds = {
        0: ("SQ8", 8, 2 * declared.dimension),
        1: ("SQ4", 4, 2 * declared.dimension),
        2: ("SQ8u", 8, 2),
        3: ("SQ4u", 4, 2),
        4: ("SQfp16", 16, 0),
        6: ("SQ6", 6, 2 * declared.dimension),
        7: ("SQbf16", 16, 0),
    }
    kind, _, _, dimension, code = cursor.fields("iifQQ")
    require(kind in kinds, f"it quantises scalars in a way (number {kind}) that bicross does not read")
    name, bits, trained = kinds[kind]
    size = (declared.dimension * bits + 7) // 8
    require((dimension, code) == (declared.dimension, size), f"its scalar quantiser is of {dimension} dimensions")
    expect_length(cursor.array("f4"), trained)
    return name, size


def _scalar(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
    name, size = _scalar_quantiser(cursor, declared)
    expect_length(cursor.array("u1"), declared.rows * size)
    return replace(declared, kind=name)


def _product_quantiser(cursor: Cursor, declared: StoredIndex) -> tuple[int, int]:
    """Return the number of sub-quantisers and the bits of each."""
    dimension, parts, bits = cursor.fields("QQQ")
    require(dimension == declared.dimension, f"its product quantiser is of {dimension} dimensions")
    require(0 < parts <= dimension and dimension % parts == 0, f"its product quantiser has {parts} parts")
    require(0 < bits <= _MAX_PQ_BITS, f"its product quantiser has {bits} bits; bicross reads at most {_MAX_PQ_BITS}")
    expect_length(cursor.array("f4"), dimension << bits)
    return parts, bits


def _product(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
    parts, bits = _product_quantiser(cursor, declared)
    expect_length(cursor.array("u1"), declared.rows * ((parts * bits + 7) // 8))
    search, signs, _ = cursor.fields("iBi")
    require((search, signs) == (0, 0), "it is searched in a way that bicross does not use")
    return replace(declared, kind=f"PQ{parts}x{bits}")


def _product_fast(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
    parts, bits = _product_quantiser(cursor, declared)
    implementation, block, queries, padded, even = cursor.fields("iiiQQ")
    require((bits, implementation, queries) == (4, 0, 0), "it is searched in a way that bicross does not use")
    require(block in _BLOCKS and padded == -(-declared.rows // block) * block, f"its blocks are of {block} rows")
    require(even == parts + parts % 2, f"it stores {even} parts of {parts}")
    expect_length(cursor.array("u1"), padded * even // 2)
    return replace(declared, kind=f"PQ{parts}x4fs")


def _inverted(
    codec: Callable[[Cursor, StoredIndex], tuple[str, int, int]],
) -> Callable[[Cursor, StoredIndex], StoredIndex]:
    """Make a reader of inverted files. ``codec`` returns a name, the bytes of a code, and the rows of a block or 0."""

    def read(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
        lists, _ = cursor.fields("QQ")
        require(0 < lists <= 1 << 24, f"it declares {lists} inverted lists")
        quantiser = read_index(cursor, ("Flat",))
        require(
            (quantiser.rows, quantiser.dimension) == (lists, declared.dimension),
            f"its coarse index holds {quantiser.rows} vectors of {quantiser.dimension} dimensions for {lists} lists",
        )
        require(cursor.fields("BQ") == (0, 0), "it has a direct map")
        name, size, block = codec(cursor, declared)
        if block:
            read_blocks(cursor, lists=lists, rows=declared.rows, block=block, size=size)
        else:
            read_lists(cursor, lists=lists, rows=declared.rows, size=size)
        return replace(declared, kind=f"IVF{lists},{name}", lists=lists)

    return read


def _flat_codec(_: Cursor, declared: StoredIndex) -> tuple[str, int, int]:
    return "Flat", 4 * declared.dimension, 0


def _scalar_codec(cursor: Cursor, declared: StoredIndex) -> tuple[str, int, int]:
    name, size = _scalar_quantiser(cursor, declared)
    require(cursor.fields("QB") in ((size, 0), (size, 1)), "the size of its codes is not that of its quantiser")
    return name, size, 0


def _product_codec(cursor: Cursor, declared: StoredIndex) -> tuple[str, int, int]:
    residual, size = cursor.fields("BQ")
    parts, bits = _product_quantiser(cursor, declared)
    require((residual in (0, 1), size) == (True, (parts * bits + 7) // 8), "its codes do not fit its quantiser")
    return f"PQ{parts}x{bits}", size, 0


def _product_fast_codec(cursor: Cursor, declared: StoredIndex) -> tuple[str, int, int]:
    residual, size, block, even, implementation, queries = cursor.fields("BQiQiQ")
    parts, bits = _product_quantiser(cursor, declared)
    require((bits, implementation, queries) == (4, 0, 0), "it is searched in a way that bicross does not use")
    require((residual in (0, 1), size) == (True, (parts + 1) // 2), "its codes do not fit its quantiser")
    require(block in _BLOCKS and even == parts + parts % 2, f"its blocks are of {block} rows and {even} parts")
    return f"PQ{parts}x4fs" + "r" * residual, even * block // 2, block


def _graph(storage: str) -> Callable[[Cursor, StoredIndex], StoredIndex]:
    """Make a reader of HNSW over vectors that are stored in an index of the family ``storage``."""

    def read(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
        neighbours = read_graph(cursor, declared.rows)
        store = read_index(cursor, (storage,))
        _same_shape(declared, store)
        return replace(declared, kind=f"HNSW{neighbours},{store.kind}", graph=True)

    return read


def _refine(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
    base = read_index(cursor, ("Flat", "SQ", "PQ", "PQfs", "IVF", "HNSW", "PreTransform"))
    store = read_index(cursor, ("Flat", "SQ"))
    _same_shape(declared, base)
    _same_shape(declared, store)
    (factor,) = cursor.fields("f")
    require(math.isfinite(factor) and 1 <= factor <= 1 << 16, f"it refines {factor} times as many rows")
    return replace(declared, kind=f"{base.kind},Refine({store.kind})", lists=base.lists, refined=True, graph=base.graph)


def _transform(cursor: Cursor, dimension: int) -> tuple[str, int]:
    """Check a linear map of vectors; return its name and the dimension of its results."""
    names = {"LTra": "OPQ", "rrot": "RR", "Pcam": "PCA"}
    tag = cursor.tag()
    require(tag in names, f"it transforms vectors in a way ({tag!r}) that bicross does not read")
    if tag == "Pcam":
        cursor.fields("ffBi")
        expect_length(cursor.array("f4"), dimension)
        _ = cursor.array("f4"), cursor.array("f4")  # eigenvalues and eigenvectors: only its training uses them
    (biased,) = cursor.fields("B")
    matrix, bias = cursor.array("f4"), cursor.array("f4")
    d_in, d_out, trained = cursor.fields("iiB")
    require((d_in, trained) == (dimension, 1), f"it transforms vectors of {d_in} dimensions, not {dimension}")
    require(0 < d_out <= _MAX_DIMENSION, f"it transforms vectors to {d_out} dimensions")
    expect_length(matrix, d_in * d_out)
    require(biased in (0, 1), "it is damaged")
    require(len(bias) == d_out or (not biased and len(bias) == 0), f"its bias has {len(bias)} values, not {d_out}")
    return f"{names[tag]}{d_out}", d_out


def _pre_transform(cursor: Cursor, declared: StoredIndex) -> StoredIndex:
    (count,) = cursor.fields("i")
    require(0 < count <= 4, f"it transforms vectors {count} times")
    names: list[str] = []
    dimension = declared.dimension
    for _ in range(count):
        name, dimension = _transform(cursor, dimension)
        names.append(name)
    inner = read_index(cursor, ("Flat", "SQ", "PQ", "PQfs", "IVF", "HNSW"))
    _same_shape(replace(declared, dimension=dimension), inner)
    return replace(declared, kind=",".join([*names, inner.kind]), lists=inner.lists, graph=inner.graph)


def _same_shape(outer: StoredIndex, inner: StoredIndex) -> None:
    require(
        (outer.rows, outer.dimension) == (inner.rows, inner.dimension),
        f"an index of {outer.rows} rows of {outer.dimension} dimensions is stored as one of {inner.rows} rows "
        f"of {inner.dimension} dimensions",
    )


_READERS: dict[str, tuple[str, Callable[[Cursor, StoredIndex], StoredIndex]]] = {
    "IxFI": ("Flat", _flat),
    "IxSQ": ("SQ", _scalar),
    "IxPq": ("PQ", _product),
    "IPfs": ("PQfs", _product_fast),
    "IwFl": ("IVF", _inverted(_flat_codec)),
    "IwSq": ("IVF", _inverted(_scalar_codec)),
    "IwPQ": ("IVF", _inverted(_product_codec)),
    "IwPf": ("IVF", _inverted(_product_fast_codec)),
    "IHNf": ("HNSW", _graph("Flat")),
    "IHNs": ("HNSW", _graph("SQ")),
    "IxPT": ("PreTransform", _pre_transform),
    "IxRF": ("Refine", _refine),
}
