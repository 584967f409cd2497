"""Reads texts, Markdown, reStructuredText and HTML: what a file says about itself, and its text."""

from .page import PageError, TextPage
from .reading import TEXT_SUFFIXES, read_page

__all__ = [
    "TEXT_SUFFIXES",
    "PageError",
    "TextPage",
    "read_page",
]
