"""Reads the text file at a path."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..budget import MAX_ROW_BYTES
from .code import LANGUAGES, NOTEBOOK, read_notebook
from .decoding import decode
from .html_pages import read_html
from .markdown import read_markdown
from .page import PageError, TextPage
from .rst import read_rst

_READERS: dict[str, Callable[[str], TextPage]] = {
    ".txt": TextPage,
    **dict.fromkeys((".md", ".markdown"), read_markdown),
    ".rst": read_rst,
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_html),
    NOTEBOOK: read_notebook,
    **dict.fromkeys(LANGUAGES, TextPage),
}
TEXT_SUFFIXES = tuple(_READERS)


def read_page(path: Path, suffix: str, *, encoding: str | None) -> TextPage:
    """Read a text file.

    Args:
        path: The file.
        suffix: Which of ``TEXT_SUFFIXES`` it is to be read as.
        encoding: Its encoding if it names none itself and is not UTF-8; None is UTF-8.

    Raises:
        PageError: It is larger than one document can be, or it cannot be decoded.
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        content = file.read(MAX_ROW_BYTES + 1)  # the size that the system tells may be another by now
    if len(content) > MAX_ROW_BYTES:
        size = path.stat().st_size
        reason = f"the file has {size} bytes, more than the {MAX_ROW_BYTES} that are read as one document"
        raise PageError("size", reason)
    read = _READERS[suffix]
    page = read(decode(content, encoding=encoding, is_html=read is read_html))
    return replace(page, title=path.name, metadata={"language": LANGUAGES[suffix]}) if suffix in LANGUAGES else page
