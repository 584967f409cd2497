"""One immutable segment: its documents, its passages and their vectors. Knows no other segment and no model.

- ``documents.arrow``: id, title, text, metadata (JSON); uncompressed Arrow IPC, read row by row from a memory map.
- ``passages.arrow``: row of the document, start and end in its text; one record batch, a document's passages together.
- ``vectors.faiss``: a vector per passage, in the same order.
"""

import io
import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from ..errors import IndexCorrupt
from .document import Document, Passage
from .faiss_index import VectorIndex
from .filesystem import Filesystem
from .manifest import FileEntry, SegmentEntry

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

DOCUMENTS = "documents.arrow"
PASSAGES = "passages.arrow"
VECTORS = "vectors.faiss"

_DOCUMENT_SCHEMA = pa.schema([(name, pa.large_utf8()) for name in ("id", "title", "text", "metadata")])
_PASSAGE_SCHEMA = pa.schema([(name, pa.int64()) for name in ("document", "start", "end")])


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Documents, the passages of each, and their unit vectors: float32 of shape (passages, dimension)."""

    documents: Sequence[Document]
    passages: Sequence[Sequence[Passage]]
    vectors: NDArray[np.float32]


class _CheckedFile(io.RawIOBase):
    """Counts and hashes what is written through it. Closing it leaves the file to whoever opened that."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._hash = xxhash.xxh3_128()
        self._bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, content: "ReadableBuffer", /) -> int:
        view = memoryview(content)
        self._file.write(view)
        self._hash.update(view)
        self._bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self._bytes

    def entry(self) -> FileEntry:
        return FileEntry(self._bytes, self._hash.hexdigest())


class SegmentWriter(AbstractContextManager["SegmentWriter"]):
    """Writes one segment into a new folder. Documents go to disk as they come; vectors are held until ``finish``."""

    def __init__(self, filesystem: Filesystem, folder: Path, dimension: int) -> None:
        self._filesystem = filesystem
        self._folder = folder
        self._vectors = VectorIndex(dimension)
        self._passages = {name: array("q") for name in _PASSAGE_SCHEMA.names}
        self._documents = 0
        self._stack = ExitStack()
        filesystem.make_folder(folder)
        self._file = _CheckedFile(self._stack.enter_context(filesystem.create(folder / DOCUMENTS)))
        self._arrow: Any = pa.ipc.new_file(self._file, _DOCUMENT_SCHEMA)

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def passages(self) -> int:
        """Passages written so far."""
        return len(self._vectors)

    def write(self, batch: EmbeddedBatch) -> None:
        """Append a batch."""
        columns = (
            [document.id for document in batch.documents],
            [document.title for document in batch.documents],
            [document.text for document in batch.documents],
            [json.dumps(dict(document.metadata), ensure_ascii=True) for document in batch.documents],
        )
        arrays: list[Any] = [pa.array(column, pa.large_utf8()) for column in columns]
        self._arrow.write_batch(_record_batch(arrays, _DOCUMENT_SCHEMA))
        for row, passages in enumerate(batch.passages, start=self._documents):
            for passage in passages:
                self._passages["document"].append(row)
                self._passages["start"].append(passage.start)
                self._passages["end"].append(passage.end)
        self._documents += len(batch.documents)
        self._vectors.add(batch.vectors)

    def finish(self) -> SegmentEntry:
        """Bring everything to disk and return what the manifest is to say of it."""
        self._arrow.close()
        files = {DOCUMENTS: self._file.entry()}
        self._stack.close()
        with self._filesystem.create(self._folder / PASSAGES) as file:
            checked = _CheckedFile(file)
            columns: list[Any] = [pa.array(np.frombuffer(column, np.int64)) for column in self._passages.values()]
            with pa.ipc.new_file(checked, _PASSAGE_SCHEMA) as arrow:
                cast(Any, arrow).write(_record_batch(columns, _PASSAGE_SCHEMA))
            files[PASSAGES] = checked.entry()
        with self._filesystem.create(self._folder / VECTORS) as file:
            checked = _CheckedFile(file)
            self._vectors.write(checked.write)
            files[VECTORS] = checked.entry()
        self._filesystem.sync_folder(self._folder)
        return SegmentEntry(self._folder.name, self._documents, len(self._vectors), files)


class Segment:
    """A segment opened for reading, memory-mapped."""

    def __init__(self, folder: Path, entry: SegmentEntry, dimension: int) -> None:
        for name in (DOCUMENTS, PASSAGES, VECTORS):
            _verify(folder / name, entry.files.get(name))
        self._source = pa.memory_map(str(folder / DOCUMENTS))
        reader = pa.ipc.open_file(self._source)
        # Batches of a mapped file are views: this list costs a few hundred bytes a batch.
        self._batches: list[Any] = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self._first_rows = [0, *accumulate(batch.num_rows for batch in self._batches)]
        table = pa.ipc.open_file(pa.memory_map(str(folder / PASSAGES))).get_batch(0)
        self.document_rows, self._starts, self._ends = (
            table.column(name).to_numpy(zero_copy_only=True) for name in _PASSAGE_SCHEMA.names
        )
        self.vectors = VectorIndex.read(folder / VECTORS, dimension=dimension, rows=entry.passages)
        if (self._first_rows[-1], table.num_rows) != (entry.documents, entry.passages):
            raise IndexCorrupt(
                f"{folder} holds {self._first_rows[-1]} documents and {table.num_rows} passages; "
                f"the manifest says {entry.documents} and {entry.passages}"
            )

    def __len__(self) -> int:
        return self._first_rows[-1]

    def ids(self) -> Iterator[str]:
        """The ids of all documents, in order."""
        for batch in self._batches:
            yield from batch.column("id").to_pylist()

    def document(self, row: int) -> Document:
        """The document in a row; a fraction of a millisecond, whatever the size of the segment."""
        number = bisect_right(self._first_rows, row) - 1
        batch, offset = self._batches[number], row - self._first_rows[number]
        id_, title, text, metadata = (batch.column(i)[offset].as_py() for i in range(4))
        return Document(id_, text, title, json.loads(metadata))

    def passage(self, row: int, document: Document) -> Passage:
        """The passage in a row of ``vectors``, which must be one of ``document``."""
        start, end = int(self._starts[row]), int(self._ends[row])
        return Passage(document.text[start:end], start, end)


def _record_batch(columns: list[Any], schema: pa.Schema) -> Any:  # noqa: ANN401 - Arrow's stubs leave it unknown
    return cast(Any, pa.RecordBatch).from_arrays(columns, schema=schema)


def _verify(path: Path, entry: FileEntry | None) -> None:
    """Compare a file with its entry, byte for byte through its checksum, before any parser sees it."""
    if entry is None:
        raise IndexCorrupt(f"the manifest lists no {path.name} for the segment {path.parent.name}")
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            raise IndexCorrupt(f"{path} is damaged: it has {size} bytes, the manifest says {entry.bytes}")
        digest = xxhash.xxh3_128()
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    except FileNotFoundError:
        raise IndexCorrupt(f"{path} is missing, though the manifest lists it") from None
    if digest.hexdigest() != entry.xxh3:
        raise IndexCorrupt(f"{path} is damaged: its checksum is not the one in the manifest")
