"""SourceSummary: what a command says about the documents that it has read."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from ...errors.counts import counted
from ...index import LeftOut, LeftOutKind, SourceReport
from .output import print_json
from .terminal import plain

_SAID: dict[LeftOutKind, tuple[str, str]] = {
    "row": ("bad row", "bad rows"),
    "empty": ("file without text", "files without text"),
    "encoding": ("text in another encoding", "texts in another encoding"),
    "size": ("text that is too large", "texts that are too large"),
    "damaged": ("file that is damaged or encrypted", "files that are damaged or encrypted"),
    "file": ("file that cannot be read", "files that cannot be read"),
    "json": ("JSON file without texts", "JSON files without texts"),
    "name": ("file whose name is not UTF-8", "files whose names are not UTF-8"),
    "duplicate": (
        "document with the title, text and metadata of another",
        "documents with the title, text and metadata of another",
    ),
    "ending": ("file of a kind that is not read", "files of a kind that is not read"),
    "hidden": ("hidden file or folder", "hidden files and folders"),
    "link": (
        "link that leads nowhere, out of the folder, or to a folder",
        "links that lead nowhere, out of the folder, or to a folder",
    ),
    "extra": (
        "file that needs pip install 'bicross[files]'",
        "files that need pip install 'bicross[files]'",
    ),
    "ignored": ("file or folder that .gitignore names", "files and folders that .gitignore names"),
    "special": ("pipe, socket or device", "pipes, sockets and devices"),
    "own": ("index or list of bad rows", "indexes and lists of bad rows"),
    "beside": ("file beside the corpus", "files beside the corpus"),
}
"""What one of a kind is called, and several."""


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
                f"Found {counted(report.found, 'row or file', 'rows and files')}: {report.documents:,} read,"
                f" {self.written:,} written{unchanged}, {report.found - report.documents:,} left out"
            )
        if report.ids_made:
            made = counted(report.ids_made, "id")
            yield f"Made {made} from title and text, for lack of a column of ids (--id-column)"
        yield from left_out_lines(report, self.errors)

    def _record(self) -> dict[str, object]:
        return {
            "read": self.report.documents,
            "written": self.written,
            "unchanged": self.unchanged,
            **source_record(self.report),
        }


def source_record(report: SourceReport | None) -> dict[str, object]:
    """Return what ``--json`` prints of a source; None is a source of which nothing can be left out."""
    return {"skipped": _bad(report) if report else 0, "source": asdict(report) if report else None}


def left_out_lines(report: SourceReport | None, errors: Path | None) -> Iterator[str]:
    """Yield the lines that say what was left out of a source, and where that is listed."""
    if report is None:
        return
    yield from map(_line, report.left_out)
    if errors is not None and _bad(report):
        yield f"What is bad is listed in {errors}"
    yield from report.notes


def _bad(report: SourceReport) -> int:
    kinds = ("row", "empty", "encoding", "size", "damaged", "file", "name")
    return sum(left_out.count for left_out in report.left_out if left_out.kind in kinds)


def _line(left_out: LeftOut) -> str:
    more = ", ..." if left_out.count > len(left_out.examples) else ""
    return f"Left out {counted(left_out.count, *_SAID[left_out.kind])}: {', '.join(left_out.examples)}{more}"
