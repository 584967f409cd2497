"""Makes the document of a text file, and says of any file what the file system knows of it."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ..document import Document
from .texts import PageError, read_page


def file_metadata(path: Path, name: str) -> dict[str, object]:
    """Return what every document of a file has as metadata.

    Args:
        path: The file.
        name: Its path in its folder.

    Returns:
        ``path``, the name; ``size`` in bytes; and ``modified``, when the file was changed, in ISO 8601 (UTC). A time
        that no calendar has, as damaged file systems and archives give, is left out.

    Raises:
        OSError: The file is not there.
    """
    stat = path.stat()
    about: dict[str, object] = {"path": name, "size": stat.st_size}
    with suppress(ValueError, OverflowError, OSError):
        about["modified"] = datetime.fromtimestamp(int(stat.st_mtime), UTC).isoformat()
    return about


def text_document(path: Path, name: str, ending: str, *, encoding: str | None) -> tuple[Document, str]:
    """Return the document of a text file, and what a report should say about the file, or "".

    What the file says of itself, such as a ``modified`` in its front matter, counts more than what the system says.

    Args:
        path: The file.
        name: Its path in its folder, which is the id.
        ending: Which of the endings of texts it is to be read as.
        encoding: As for ``read_page``.

    Raises:
        PageError: It has no text, or cannot be read as text.
        DocumentError: What it holds is no document.
        OSError: It cannot be opened.
    """
    page = read_page(path, ending, encoding=encoding)
    if not page.text.strip() and not page.title:  # the name of a file alone makes no document
        raise PageError("empty", "no text: the file is blank")
    title = page.title.replace("\0", " ") or Path(name).stem
    metadata = {**file_metadata(path, name), **page.metadata, "path": name}
    return Document(name, page.text.replace("\0", " "), title, metadata), page.note
