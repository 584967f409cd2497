"""Reads Markdown: its title is that of the front matter, or else the first heading of the first level."""

import re

from .front_matter import front_matter
from .page import TextPage, language_named

_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_SETEXT = re.compile(r" {0,3}=+[ \t]*$")
_CONTAINER = re.compile(r"(?:[-*+]|\d{1,9}[.)]|>)(?:[ \t]+|$)")


def read_markdown(content: str) -> TextPage:
    """Return the page; front matter is no part of its text, and its entries are metadata."""
    block = front_matter(content)
    text = content[block.length :]
    note = f"in its front matter, {block.note}" if block.note else ""
    if block.problem:
        note = f"its front matter is part of its text, for it cannot be read: {block.problem}"
    metadata = {**language_named(block.metadata.get("lang")), **block.metadata}
    return TextPage(text, block.title or _heading(text), metadata, note)


def _heading(text: str) -> str:
    """Return the first heading of the first level, under either of Markdown's two notations, or ""."""
    fence = ""  # what began the block of code that this line stands in
    in_comment = False
    paragraph: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if in_comment or stripped.startswith("<!--"):
            in_comment = "-->" not in stripped
            paragraph = []
        elif fence:
            fence = "" if _closes(stripped, fence) else fence
        elif opened := _FENCE.match(_inside(stripped)):
            fence = opened[1] or opened[2]
            paragraph = []
        elif line[:4].strip() and stripped.startswith(("# ", "#\t")):
            return _atx(stripped)
        elif paragraph and _SETEXT.match(line):
            return " ".join(paragraph)
        elif _continues(line, stripped, paragraph):
            paragraph.append(stripped)
        else:
            paragraph = []
    return ""


def _atx(stripped: str) -> str:
    title, _, closing = stripped.rpartition(" ")
    return (stripped if closing.strip("#") else title)[1:].strip()


def _closes(stripped: str, fence: str) -> bool:
    return len(stripped) >= len(fence) and not stripped.strip(fence[0])


def _inside(stripped: str) -> str:
    """Return a line without the marks of the lists and quotes that it begins."""
    while mark := _CONTAINER.match(stripped):
        stripped = stripped[mark.end() :]
    return stripped


def _continues(line: str, stripped: str, paragraph: list[str]) -> bool:
    """Whether a line is one of a paragraph that may turn out to be a heading."""
    if not stripped or stripped.startswith("#") or _CONTAINER.match(stripped):
        return False
    return bool(paragraph) or bool(line[:4].strip() and not stripped.startswith(("<", "|")))
