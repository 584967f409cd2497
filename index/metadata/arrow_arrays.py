"""Arrow arrays as NumPy arrays and back, without pandas.

``to_numpy``, ``pyarrow.array`` and ``pyarrow.scalar`` import pandas where that is installed, which takes longer than to
open an index.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_ARROW: Any = pa  # the stubs know no arrays of any type


def array_of(column: Any) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array
    """Return an Arrow array of numbers without missing values as a read-only array that shares its memory."""
    dtype = np.dtype(column.type.to_pandas_dtype())
    if not len(column):  # an empty array may have no buffer
        return np.empty(0, dtype)
    array = np.frombuffer(column.buffers()[1], dtype, count=len(column), offset=column.offset * dtype.itemsize)
    array.flags.writeable = False
    return array


def mask_of(column: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array
    """Return an Arrow array of booleans, in one chunk or several, as a new array; what is null is False."""
    array = column.combine_chunks() if isinstance(column, _ARROW.ChunkedArray) else column
    if not len(array):
        return np.empty(0, np.bool_)
    valid, values = array.buffers()
    return _bits(array, values) if valid is None else _bits(array, values) & _bits(array, valid)


def _bits(array: Any, buffer: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array, and one of its buffers
    end = array.offset + len(array)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), count=end, bitorder="little")
    return bits[array.offset :].view(np.bool_)


def arrow_mask(mask: NDArray[np.bool_], *, valid: NDArray[np.bool_] | None = None) -> Any:  # noqa: ANN401
    """Return booleans as an Arrow array; what is not valid is null, and None is valid everywhere."""
    return _from_buffers(pa.bool_(), valid, np.packbits(mask, bitorder="little"), rows=len(mask))


def arrow_rows(rows: NDArray[np.int64], *, valid: NDArray[np.bool_]) -> Any:  # noqa: ANN401
    """Return numbers of rows as an Arrow array, as ``take`` needs it; what is not valid is null."""
    return _from_buffers(pa.int64(), valid, rows, rows=len(rows))


def arrow_values(values: Sequence[Any], type_: pa.DataType) -> Any:  # noqa: ANN401 - an Arrow array
    """Return values as an Arrow array without nulls.

    Args:
        values: All booleans, integers, numbers, texts or lists of these, as the type says.
        type_: ``bool_``, ``int64``, ``float64``, ``large_utf8`` or ``list_`` of these.

    Raises:
        UnicodeEncodeError: A text is not valid Unicode.
    """
    if type_ == pa.bool_():
        return arrow_mask(np.array(values, np.bool_))
    if type_ == pa.large_utf8():
        texts = [text.encode() for text in values]
        return _from_buffers(
            type_, None, _ends(texts, np.int64), np.frombuffer(b"".join(texts), np.uint8), rows=len(texts)
        )
    if isinstance(type_, pa.ListType):
        items = arrow_values([item for value in values for item in value], cast("Any", type_).value_type)
        return _ARROW.Array.from_buffers(
            type_, len(values), [None, _ARROW.py_buffer(_ends(values, np.int32))], children=[items]
        )
    return _from_buffers(type_, None, np.array(values, np.dtype(type_.to_pandas_dtype())), rows=len(values))


def _ends(values: Sequence[Any], dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    """Where each value begins among all, and where the last one ends."""
    return np.cumsum([0, *map(len, values)], dtype=dtype)


def _from_buffers(type_: pa.DataType, valid: NDArray[np.bool_] | None, *buffers: NDArray[Any], rows: int) -> Any:  # noqa: ANN401
    validity = None if valid is None else _ARROW.py_buffer(np.packbits(valid, bitorder="little"))
    return _ARROW.Array.from_buffers(type_, rows, [validity, *map(_ARROW.py_buffer, buffers)])


def arrow_scalar(value: Any, type_: pa.DataType) -> Any:  # noqa: ANN401 - an Arrow scalar
    """Return a value as an Arrow scalar; None is null, and other values are as in ``arrow_values``."""
    return (_ARROW.nulls(1, type_) if value is None else arrow_values([value], type_))[0]
