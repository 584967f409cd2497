"""Part: what one page, section, slide, sheet, chapter or message holds; FileProblem: why a file holds none."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Literal, TypeAlias
from zipfile import BadZipFile, ZipFile

from ..budget import MAX_ROW_BYTES, Budget

ProblemKind: TypeAlias = Literal["damaged", "empty", "size"]
MAX_SECONDS = 300.0
"""How long one file may take. What one page or section takes cannot be stopped."""
MAX_XML_BYTES = 2**26
"""Of the XML that a library makes a tree of, which takes about ten times as much memory."""


class FileProblem(ValueError):
    """A file cannot be read. ``kind`` says in one word why."""

    def __init__(self, kind: ProblemKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: ProblemKind = kind


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file.

    Attributes:
        key: What tells it from the other parts, such as ``page=3``; the end of the id. "" where it is the whole file.
        text: Its text.
        title: That of the file, or "".
        metadata: Where it is in the file, such as the page, and what the file says about itself.
    """

    key: str
    text: str
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)


class Limits:
    """What reading one file may take.

    Args:
        budget: The bytes that it may decode to.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._end = time.monotonic() + MAX_SECONDS

    def spend(self, text: str) -> str:
        """Count a text, and return it.

        Raises:
            FileProblem: The text is too large for one document, or the file takes too long.
            SourceError: The file decodes to more than it may.
        """
        if len(text) > MAX_ROW_BYTES:
            reason = f"a part has {len(text):,} characters, more than the {MAX_ROW_BYTES:,} of one document"
            raise FileProblem("size", reason)
        self._budget.spend(len(text))
        self.check_time()
        return text

    def check_time(self) -> None:
        """Raise ``FileProblem`` where the file takes too long."""
        if time.monotonic() > self._end:
            raise FileProblem("size", f"reading it takes more than {MAX_SECONDS:.0f} seconds")

    def check_zip(self, archive: ZipFile, *, tree: bool) -> None:
        """Check what a file of the kinds that are a zip archive unpacks to, by what it says; zipfile reads no more.

        Args:
            archive: The file.
            tree: Whether its XML is parsed as a whole.

        Raises:
            FileProblem: Its XML is too large.
            SourceError: It unpacks to more than it may.
        """
        entries = archive.infolist()
        self._budget.check_at_once(sum(entry.file_size for entry in entries))
        xml = sum(entry.file_size for entry in entries if entry.filename.endswith((".xml", ".rels")))
        if tree and xml > MAX_XML_BYTES:
            raise FileProblem("size", f"its XML has {xml:,} bytes, more than the {MAX_XML_BYTES:,} that are read")


def open_zip(file: IO[bytes]) -> ZipFile:
    """Open a file as a zip archive; anything else is a ``FileProblem``."""
    try:
        return ZipFile(file)
    except BadZipFile as error:
        raise FileProblem("damaged", f"it is damaged, or encrypted with a password: {error}") from error
