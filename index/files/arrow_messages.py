"""Computes the decoded size of an Arrow IPC file or stream from its messages, without decoding it.

A compressed buffer begins with the number of bytes that the decoder allocates for it, so that number holds. PyArrow
decodes a batch as a whole and shows only its metadata: a table in the FlatBuffers format.
"""

import struct
from collections.abc import Iterator

import pyarrow as pa

_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # types of messages
_OLD_COMPRESSION = b"ARROW:experimental_compression"  # the mark of Arrow 0.17, which is still read
_BLOCK = struct.Struct("<qiiq")  # in the footer: where a message is
_BUFFER = struct.Struct("<qq")  # in a message: where a buffer is in its body, and how long it is


def is_stream(file: pa.NativeFile) -> bool:
    """Whether a file is an Arrow stream rather than a file with a footer. Leaves the position at the beginning."""
    file.seek(0)
    start = file.read(6)
    file.seek(0)
    return start != b"ARROW1"


def decoded_sizes(file: pa.NativeFile) -> Iterator[tuple[bool, int]]:
    """Yield, for each batch, whether it is a dictionary and how many bytes its compressed buffers decode to.

    The size of an uncompressed batch counts as 0, because its buffers are used in the memory map.

    Raises:
        ValueError: The messages are damaged. It can also be a ``struct.error`` or an Arrow error.
    """
    for message in pa.ipc.MessageReader.open_stream(file) if is_stream(file) else _file_messages(file):
        metadata = memoryview(message.metadata)
        table = _Table(metadata, _u32(metadata, 0))
        kind = table.byte(1)
        if kind in (_DICTIONARY_BATCH, _RECORD_BATCH):
            header = table.table(2)
            batch = header.table(1) if kind == _DICTIONARY_BATCH else header
            # Without compression the buffers are used where they are in the memory map.
            is_compressed = batch.has(3) or _OLD_COMPRESSION in bytes(metadata)
            yield kind == _DICTIONARY_BATCH, _decoded(batch, message) if is_compressed else 0


def _file_messages(file: pa.NativeFile) -> Iterator[pa.ipc.Message]:
    """Yield the messages that the footer names: a reader decodes these, wherever they are in the file."""
    file.seek(max(0, file.size() - 10))
    [length] = struct.unpack_from("<i", file.read(4))
    if not 0 < length < file.size():
        raise ValueError("its footer is missing")
    file.seek(max(0, file.size() - 10 - length))
    footer = memoryview(file.read(length))
    table = _Table(footer, _u32(footer, 0))
    for field in (2, 3):  # dictionaries and record batches
        for offset, _, _, _ in table.structs(field, _BLOCK):
            file.seek(offset)
            try:
                yield pa.ipc.read_message(file)
            except EOFError:
                raise ValueError("its footer names a missing message") from None


def _decoded(batch: "_Table", message: pa.ipc.Message) -> int:
    body = memoryview(message.body or b"")
    sizes = (struct.unpack_from("<q", body, at)[0] for at, length in batch.structs(2, _BUFFER) if length >= 8)
    return sum(size for size in sizes if size > 0)  # -1 marks a buffer that is not compressed after all


def _u32(data: memoryview, position: int) -> int:
    return struct.unpack_from("<I", data, position)[0]


class _Table:
    """A FlatBuffers table: a list of offsets to its fields. A missing field has the offset 0."""

    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self._position = position
        [back] = struct.unpack_from("<i", data, position)
        self._offsets = position - back

    def has(self, field: int) -> bool:
        return self._find(field) != self._position

    def byte(self, field: int) -> int:
        return self._data[self._find(field)] if self.has(field) else 0

    def table(self, field: int) -> "_Table":
        return _Table(self._data, self._follow(field))

    def structs(self, field: int, kind: struct.Struct) -> Iterator[tuple[int, ...]]:
        if self.has(field):
            start = self._follow(field)
            for index in range(_u32(self._data, start)):
                yield kind.unpack_from(self._data, start + 4 + index * kind.size)

    def _find(self, field: int) -> int:
        [size] = struct.unpack_from("<H", self._data, self._offsets)
        at = 4 + 2 * field
        return self._position + (struct.unpack_from("<H", self._data, self._offsets + at)[0] if at < size else 0)

    def _follow(self, field: int) -> int:
        if not self.has(field):
            raise ValueError("a part of a message is missing")
        position = self._find(field)
        return position + _u32(self._data, position)
