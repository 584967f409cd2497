"""Documents for models: a span with its neighbours, within a limit, and their addresses."""

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from mcp.server.mcpserver.exceptions import ToolError

from ....index import Document, Index, Passage
from .arguments import DocumentArguments

MOST_CHARACTERS = 20_000
"""The most characters of a document in one answer."""
MOST_OF_A_RESOURCE = 1_000_000
"""The most characters of a document that is read as a whole."""
DOCUMENTS = "bicross://documents/"
DOCUMENT_TEMPLATE = f"{DOCUMENTS}{{index}}/{{id}}"
INDEXES = "bicross://indexes/"
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def document_uri(index: str, id_: str) -> str:
    """Return the address of a document; its id stands there in one piece, whatever it is made of."""
    return f"{DOCUMENTS}{quote(index, safe='')}/{quote(id_, safe='')}"


def index_uri(index: str) -> str:
    """Return the address of the description of an index."""
    return f"{INDEXES}{quote(index, safe='')}"


def index_of_uri(uri: str) -> str | None:
    """Return the index that an address describes; None for another address."""
    return unquote(uri.removeprefix(INDEXES)) if uri.startswith(INDEXES) else None


def place_of(uri: str) -> tuple[str, str] | None:
    """Return the index and the id of an address of a document; None for another address."""
    if not uri.startswith(DOCUMENTS):
        return None
    index, _, rest = uri.removeprefix(DOCUMENTS).partition("/")
    if not index or not rest or _LONE_PERCENT.search(rest):
        return None
    try:
        return unquote(index, errors="strict"), unquote(rest, errors="strict")
    except UnicodeDecodeError:
        return None


def get_document(index: Index, name: str, id_: str) -> Document:
    """Return a document.

    Raises:
        ToolError: There is none of that id.
    """
    [document] = index.get([id_])
    if document is None:
        raise ToolError(
            f"the index {name!r} has no document of the id {id_!r:.200}: take ids from the results of search or "
            "context, and name the index that they are of"
        )
    return document


def span_of(index: Index, document: Document, asked: DocumentArguments) -> tuple[int, int]:
    """Return the first character to give of a document's text, and the one behind the last.

    Raises:
        ToolError: There is no such span.
    """
    characters = len(document.text)
    if asked.start and asked.start >= characters:
        raise ToolError(f"start={asked.start} is behind the end of the document, which has {characters} characters")
    if asked.end is not None and asked.end <= asked.start:
        raise ToolError(f"end={asked.end} must be larger than start={asked.start}")
    start, end = asked.start, characters if asked.end is None else min(asked.end, characters)
    if asked.neighbours:
        [passages] = index.passages([document.id])
        start, end = _widened(passages, start, end, asked.neighbours)
    return start, min(end, start + MOST_CHARACTERS)


def _widened(passages: Sequence[Passage], start: int, end: int, neighbours: int) -> tuple[int, int]:
    """Return the span with as many passages on both sides as are asked for, and fit an answer."""
    touched = [row for row, passage in enumerate(passages) if passage.start < end and start < passage.end]
    if not touched:
        return start, end
    for more in range(neighbours, -1, -1):
        before, after = max(0, touched[0] - more), min(len(passages) - 1, touched[-1] + more)
        first, last = min(start, passages[before].start), max(end, passages[after].end)
        if last - first <= MOST_CHARACTERS:
            return first, last
    return start, end
