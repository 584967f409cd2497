"""SourceSummary: what a command says about the documents that it has read."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from ...index import LeftOut, LeftOutKind, SourceReport
from .output import print_json
from .terminal import plain

_SAID: dict[LeftOutKind, str] = {
    "row": "bad rows",
    "empty": "files without text",
    "encoding": "texts in another encoding",
    "size": "texts that are too large",
    "file": "files that cannot be read",
    "json": "JSON files without texts",
    "name": "files whose names are not UTF-8",
    "duplicate": "documents with the title and text of another",
    "ending": "files of a kind that is not read",
    "hidden": "hidden files and folders",
    "link": "links that lead nowhere, out of the folder, or to a folder",
    "special": "pipes, sockets and devices",
    "own": "indexes and lists of bad rows",
    "beside": "files beside the corpus",
}


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What came of a source.

    Attributes:
        report: What was read and left out.
        written: How many documents were written.
        errors: The list of what is bad; None where errors stop the command.
    """

    report: SourceReport
    written: int
    errors: Path | None

    @property
    def unchanged(self) -> int:
        """How many documents the index had already."""
        return max(0, self.report.documents - self.written)

    def show(self, record: dict[str, object], text: str, *, as_json: bool) -> None:
        """Print what a command has done, and what came of its source.

        Args:
            record: What the command has done.
            text: The same in words.
            as_json: Whether to print JSON.
        """
        if as_json:
            print_json(record | self._record())
            return
        console = Console()
        for line in [text, *self.lines()]:
            console.print(plain(line), soft_wrap=True)

    def lines(self) -> Iterator[str]:
        """Yield the lines that say what was read, unchanged and left out; none where all was read and written."""
        report = self.report
        if self.unchanged or report.left_out:
            unchanged = f", {self.unchanged:,} unchanged" if self.unchanged else ""
            yield (
                f"Found {report.found:,} rows and files: {report.documents:,} read, {self.written:,} written"
                f"{unchanged}, {report.found - report.documents:,} left out"
            )
        if report.ids_made:
            yield f"Made {report.ids_made:,} ids from title and text, for lack of a column of ids (--id-column)"
        for left_out in report.left_out:
            yield _line(left_out)
        if self.errors is not None and self._bad:
            yield f"What is bad is listed in {self.errors}"
        yield from report.notes

    @property
    def _bad(self) -> int:
        kinds = ("row", "empty", "encoding", "size", "file", "name")
        return sum(left_out.count for left_out in self.report.left_out if left_out.kind in kinds)

    def _record(self) -> dict[str, object]:
        return {
            "read": self.report.documents,
            "written": self.written,
            "unchanged": self.unchanged,
            "skipped": self._bad,
            "source": asdict(self.report),
        }


def _line(left_out: LeftOut) -> str:
    more = ", ..." if left_out.count > len(left_out.examples) else ""
    return f"Left out {left_out.count:,} {_SAID[left_out.kind]}: {', '.join(left_out.examples)}{more}"
