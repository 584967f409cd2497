"""Reads reStructuredText: its title is the first underlined line."""

import re
from itertools import pairwise

from .page import TextPage

_UNDERLINE = re.compile(r"([^\w\s])\1+")


def read_rst(content: str) -> TextPage:
    """Return the page."""
    lines = [line.rstrip() for line in content.splitlines()]
    for line, below in pairwise(lines):
        if line and len(below) >= len(line) and _UNDERLINE.fullmatch(below):
            return TextPage(content, line.strip())
    return TextPage(content)
