"""Finds what is to be read: the files behind a path, a folder or standard input."""

from .endings import JSON_ENDINGS, ROW_READERS
from .entries import NotRead, SourceFile
from .named_source import NamedSource, find_source
from .standard_input import STANDARD_INPUT, Scratch

__all__ = [
    "JSON_ENDINGS",
    "ROW_READERS",
    "STANDARD_INPUT",
    "NamedSource",
    "NotRead",
    "Scratch",
    "SourceFile",
    "find_source",
]
