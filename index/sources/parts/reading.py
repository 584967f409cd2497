"""PartReader: reads the documents of a part of a source."""

from collections.abc import Iterable, Iterator

from ...document import Document
from ..accounting import BadRow, SourceReport, Tally
from ..options import SourceOptions
from ..places import NamedSource
from ..reading import Reading
from .source_part import SourcePart


class _Bad:
    """Keeps bad rows in memory: a part has a bounded number of them."""

    def __init__(self) -> None:
        self.rows: list[BadRow] = []

    def begin(self) -> None:
        self.rows.clear()

    def write(self, source: str | None, line: int | None, reason: str, *, unit: str = "line") -> None:
        self.rows.append(BadRow(source, line, reason, unit))


class PartReader(Iterable[Document]):
    """Reads a part anew at every iteration."""

    def __init__(self, part: SourcePart, options: SourceOptions, *, skip_errors: bool = False) -> None:
        """Read nothing yet.

        Args:
            part: The part.
            options: How the source is read.
            skip_errors: Whether bad rows and files are left out; else the first one is an error.
        """
        self._part, self._options = part, options
        self._bad = _Bad() if skip_errors else None
        self._tally = Tally()

    @property
    def report(self) -> SourceReport:
        """What the latest iteration has read and left out."""
        return self._tally.report()

    @property
    def bad(self) -> tuple[BadRow, ...]:
        """The bad rows and files that the latest iteration has left out."""
        return () if self._bad is None else tuple(self._bad.rows)

    def __iter__(self) -> Iterator[Document]:
        reading = Reading(self._options, self._bad, is_part=True)
        self._tally = reading.tally
        part = self._part
        source = NamedSource(part.source, is_folder=part.is_folder, entries=lambda: part.entries)
        yield from reading.documents([source])
