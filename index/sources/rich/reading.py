"""Makes documents of the parts of a file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TypeAlias

from ....errors import BicrossError
from ...document import Document
from ..budget import Budget, MaxBytes
from ..file_documents import file_metadata
from .parts import FileProblem, Limits, Part

ReadParts: TypeAlias = Callable[[IO[bytes], Limits], Iterator[Part]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How files of one kind are read: the module and the function, and the library that it imports, or ""."""

    module: str
    function: str
    library: str = ""


_KINDS = {
    ".pdf": _Kind("pdf", "read_pdf", "pypdf"),
    ".docx": _Kind("word", "read_word", "docx"),
    ".pptx": _Kind("slides", "read_slides", "pptx"),
    ".xlsx": _Kind("sheets", "read_sheets", "openpyxl"),
    ".epub": _Kind("epub", "read_epub"),
    ".eml": _Kind("mail", "read_message"),
    ".mbox": _Kind("mail", "read_mailbox"),
}
RICH_SUFFIXES = tuple(_KINDS)
REMEDY = "pip install 'bicross[files]' reads it"


def lacks_library(ending: str) -> bool:
    """Whether the library of a format is not installed."""
    library = _KINDS[ending].library
    return bool(library) and find_spec(library) is None


def rich_documents(path: Path, name: str, ending: str, *, max_bytes: MaxBytes) -> Iterator[Document]:
    """Yield a document for each part of a file.

    Args:
        path: The file.
        name: Its path in its folder: the beginning of the ids.
        ending: Which of ``RICH_SUFFIXES`` it is to be read as.
        max_bytes: As for ``read_documents``.

    Raises:
        FileProblem: It is damaged, encrypted, without text, or beyond a limit.
        SourceError: It decodes to more than it may.
        OSError: It cannot be opened.
    """
    about = file_metadata(path, name)
    limits = Limits(Budget(path, max(1, path.stat().st_size), max_bytes))
    found_text = False
    with path.open("rb") as file:
        for part in _parts(file, _KINDS[ending], limits):
            found_text = True
            id_ = f"{name}#{_clean(part.key)}" if part.key else name
            title = _clean(part.title) or Path(name).stem
            yield Document(id_, _clean(part.text), title, {**part.metadata, **about})
    if not found_text:
        raise FileProblem("empty", "no text was found in it; pages that are pictures need OCR first")


def _parts(file: IO[bytes], kind: _Kind, limits: Limits) -> Iterator[Part]:
    read: ReadParts = getattr(import_module(f".{kind.module}", __package__), kind.function)
    try:
        yield from read(file, limits)
    except (BicrossError, FileProblem, OSError, MemoryError):
        raise
    except Exception as error:  # a broken file may raise anything in the library of its format
        reason = f"{type(error).__name__}: {error}"
        raise FileProblem("damaged", f"it is damaged, or not what its name says: {reason:.200}") from error


def _clean(text: str) -> str:
    """Return a text without what no document can have: NUL, and halves of characters."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
