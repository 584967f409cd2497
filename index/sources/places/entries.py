"""SourceFile and NotRead: what a source consists of."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..accounting import LeftOutKind
from ..rich import RICH_SUFFIXES
from ..rows import Span
from ..texts import TEXT_SUFFIXES


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read.

    Attributes:
        path: Where it is.
        name: Its path in its folder, with slashes; the id of a text.
        ending: Which of the supported endings it is to be read as, such as ``.csv.gz``.
        size: Its size in bytes.
        shown: How messages name it.
        span: Which part of its rows is read; None: all.
    """

    path: Path
    name: str
    ending: str
    size: int
    shown: str
    span: Span | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is one document, and no file of rows."""
        return self.ending in TEXT_SUFFIXES

    @property
    def is_rich(self) -> bool:
        """Whether it holds several texts, each of them a document, such as pages."""
        return self.ending in RICH_SUFFIXES

    @property
    def has_rows(self) -> bool:
        """Whether it is a file of rows."""
        return not self.is_text and not self.is_rich


@dataclass(frozen=True, slots=True)
class NotRead:
    """A file or folder that is not read.

    Attributes:
        name: Its path in its folder, as it can be printed; that of a folder ends with a slash.
        kind: Why.
        problem: What is wrong with it, where it is an error unless errors are skipped; else "".
    """

    name: str
    kind: LeftOutKind
    problem: str = ""


def printable(path: str | Path) -> str:
    r"""Return a path that can be printed: bytes that are not UTF-8 are written like ``\xe9``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
