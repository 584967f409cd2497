"""The columns that a segment can store for its passages besides vectors: how each is checked, written and read.

Code that writes, opens, merges or rewrites segments loops over ``COLUMNS``. A new column needs a module with its file
format, an entry here, its names in ``manifest/columns.py``, and a field of ``Manifest`` and of ``EmbeddedBatch``.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ...errors import ArgumentError
from ...errors.arguments import described
from ..files import CheckedFile, File
from ..manifest import COLUMN_NAMES, POSTINGS_NAMES, TOKEN_IDS_NAMES, TOKEN_VECTORS_NAMES, ColumnNames, Manifest
from .embedded_batch import EmbeddedBatch
from .postings import PostingsTable, PostingsWriter, TermCounts, check_terms, count_of_lists
from .token_ids import TokenIdsTable, TokenIdsWriter, check_token_ids, type_of
from .token_vectors import TokenVectorsTable, TokenVectorsWriter, check_token_vectors, dim_of

Kind = Hashable
"""How the file of a column stores its values. All values of a segment must fit one kind."""


class ColumnWriter(Protocol):
    """Writes the values of a segment's passages to one file."""

    def fits(self, kind: Kind) -> bool:
        """Whether the file can take values of this kind."""
        ...

    def write(self, values: Any, /) -> None:  # noqa: ANN401 - what the column holds
        """Append the values of some passages."""
        ...

    def close(self) -> None:
        """Write what is still in memory. The caller closes the file."""
        ...


class ColumnTable(Protocol):
    """The stored values of a segment's passages."""

    @property
    def kind(self) -> Kind:
        """How they are stored."""
        ...

    def take(self, rows: Sequence[int], /) -> Any:  # noqa: ANN401 - what the column holds
        """Return the values of the passages in ascending ``rows``, in the form of ``EmbeddedBatch``."""
        ...


Table = TypeVar("Table", bound=ColumnTable)
OpenedTable = TypeVar("OpenedTable", bound=ColumnTable, covariant=True)


class OpenTable(Protocol[OpenedTable]):
    """Opens the file of a column."""

    def __call__(self, path: File, *, rows: int, thorough: bool) -> OpenedTable:
        """Open the file.

        Args:
            path: The file.
            rows: The number of passages that it must have.
            thorough: Check every value.

        Raises:
            IndexCorrupt: The file is damaged, or has another number of passages.
        """
        ...


@dataclass(frozen=True, eq=False)
class PassageColumn(Generic[Table]):
    """A stored column.

    Attributes:
        names: Its names.
        batch_field: The field of ``EmbeddedBatch`` that holds its values.
        each: What a passage has, for messages, in the plural.
        count: Returns the number of passages of some values.
        check: Raises ``ArgumentError`` for values that cannot be stored.
        kind_of: Returns the kind that holds some values.
        writer: Opens a writer on an empty file, for values of all the given kinds.
        open_table: Opens its file.
        one_kind: What the kind counts, where all passages of an index must have the same; empty where kinds may differ.
    """

    names: ColumnNames
    batch_field: str
    each: str
    count: Callable[[Any], int]
    check: Callable[[Any], None]
    kind_of: Callable[[Any], Kind]
    writer: Callable[[CheckedFile, Iterable[Any]], ColumnWriter]
    open_table: OpenTable[Table]
    one_kind: str = ""

    @property
    def file(self) -> str:
        """The name of its file in a segment."""
        return self.names.file

    def described(self, kind: Kind) -> str:
        """Return a kind for a message, such as "of 96 dimensions" or "uint16"."""
        return f"of {kind} {self.one_kind}" if self.one_kind else str(kind)

    def of(self, batch: EmbeddedBatch) -> Any:  # noqa: ANN401 - what the column holds
        """Return the values of a batch; None if it has none."""
        return getattr(batch, self.batch_field)

    def check_batch(self, values: Any, *, passages: int, maker: str) -> None:  # noqa: ANN401
        """Check that an index can store the values of a batch.

        Args:
            values: The values of the passages, or None.
            passages: The number of passages.
            maker: The name of what made the column of the index; empty if the index does not store it.

        Raises:
            ArgumentError: Values are missing, are there although the index does not store them, are of another number
                of passages, or cannot be stored.
        """
        names = self.names
        if values is None:
            if maker:
                raise ArgumentError(
                    f"the index stores the {names.values} of {names.described(maker)}, but this batch has none; "
                    f"give {self.each} in EmbeddedBatch.{self.batch_field}, one for each passage"
                )
            return
        if not maker:
            raise ArgumentError(
                f"the index stores no {names.values}, but this batch has some; leave them out, or name their "
                f"{names.maker} when the index is created"
            )
        has_length = hasattr(values, "__len__") and getattr(values, "ndim", 1)  # an array of no dimension has none
        if isinstance(values, str) or not (has_length or isinstance(values, TermCounts)):
            raise ArgumentError(f"{self.batch_field} must be a list of {self.each}, not {described(values)}")
        if self.count(values) != passages:
            raise ArgumentError(f"{passages} passages need as many {self.each}, not {self.count(values)}")
        self.check(values)


TOKEN_IDS = PassageColumn(
    names=TOKEN_IDS_NAMES,
    batch_field="tokens",
    each="arrays of token ids",
    count=len,
    check=check_token_ids,
    kind_of=type_of,
    writer=TokenIdsWriter,
    open_table=TokenIdsTable,
)
POSTINGS = PassageColumn(
    names=POSTINGS_NAMES,
    batch_field="terms",
    each="lists of terms",
    count=count_of_lists,
    check=check_terms,
    kind_of=lambda terms: None,  # the width of the counts is chosen when the file is written
    writer=PostingsWriter,
    open_table=PostingsTable,
)
TOKEN_VECTORS = PassageColumn(
    names=TOKEN_VECTORS_NAMES,
    batch_field="token_vectors",
    each="arrays of token vectors",
    count=len,
    check=check_token_vectors,
    kind_of=dim_of,
    writer=TokenVectorsWriter,
    open_table=TokenVectorsTable,
    one_kind="dimensions",
)
COLUMNS: tuple[PassageColumn[Any], ...] = (TOKEN_IDS, POSTINGS, TOKEN_VECTORS)
assert tuple(column.names for column in COLUMNS) == COLUMN_NAMES


def kinds_of(batch: EmbeddedBatch) -> Mapping[PassageColumn[Any], Sequence[Kind]]:
    """Return the columns of a batch, each with the kind that holds its values."""
    return {column: [column.kind_of(column.of(batch))] for column in COLUMNS if column.of(batch) is not None}


def check_columns_of(batch: EmbeddedBatch, *, passages: int, manifest: Manifest) -> None:
    """Check that a batch has the columns that an index stores.

    Args:
        batch: The batch.
        passages: The number of its passages.
        manifest: The generation of the index.

    Raises:
        ArgumentError: A column is missing or not wanted, or has values that cannot be stored.
    """
    for column in COLUMNS:
        column.check_batch(column.of(batch), passages=passages, maker=manifest.maker(column.names))
