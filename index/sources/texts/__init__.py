"""Reads texts, Markdown, reStructuredText, HTML, notebooks and code: what a file says about itself, and its text."""

from .decoding import decode
from .html_pages import html_title_and_text
from .page import PageError, TextPage
from .reading import TEXT_SUFFIXES, read_page

__all__ = [
    "TEXT_SUFFIXES",
    "PageError",
    "TextPage",
    "decode",
    "html_title_and_text",
    "read_page",
]
