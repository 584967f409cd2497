"""Reads PDF files with pypdf: a part for each page. Importing this module imports pypdf.

pypdf is pure Python under the BSD licence; PyMuPDF, which is faster, is under the AGPL.
"""

import logging
from collections.abc import Iterator
from io import SEEK_END
from typing import IO

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError

from .parts import FileProblem, Limits, Part

_NO_TITLES = ("untitled", "microsoft word", "microsoft powerpoint")
"""Titles that programs write by themselves begin so."""
_END_BYTES = 2**16
"""In which a file must have its end; there may be something after it."""

# Whatever pypdf mends it tells; without a handler that would be on standard error.
logging.getLogger("pypdf").addHandler(logging.NullHandler())


def read_pdf(file: IO[bytes], limits: Limits) -> Iterator[Part]:
    """Yield the pages that have text."""
    _check_end(file)
    reader = PdfReader(file)
    if reader.is_encrypted:
        _decrypt(reader)
    about: dict[str, object] = {"pages": len(reader.pages)}
    language = reader.root_object.get("/Lang")
    if isinstance(language, str) and language.strip():
        about["language"] = language.strip()
    title = _title(reader)
    for number, page in enumerate(reader.pages, start=1):
        text = limits.spend(page.extract_text())
        if text.strip():
            yield Part(f"page={number}", text, title, {"page": number, **about})


def _check_end(file: IO[bytes]) -> None:
    """Refuse a file that was copied in part: pypdf would look through all of it for its end, which takes minutes."""
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _END_BYTES))
    if b"startxref" not in file.read():
        raise FileProblem("damaged", "its end is missing: copy or download it again")
    file.seek(0)


def _decrypt(reader: PdfReader) -> None:
    """Open a file that anyone may read: it has a password for changes alone."""
    try:
        is_open = reader.decrypt("") != PasswordType.NOT_DECRYPTED
    except DependencyError as error:
        raise FileProblem("damaged", f"it is encrypted, and {error}") from error
    if not is_open:
        raise FileProblem("damaged", "it is encrypted: save it without its password")


def _title(reader: PdfReader) -> str:
    title = reader.metadata.title if reader.metadata is not None else None
    words = " ".join(title.split()) if isinstance(title, str) else ""
    return "" if words.lower().startswith(_NO_TITLES) else words
