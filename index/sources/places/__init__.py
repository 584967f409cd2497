"""Finds what is to be read: the files behind a path, a folder or standard input."""

from .endings import JSON_ENDINGS, ROW_READERS, SPAN_READERS, check_columns_of, rows_of
from .entries import NotRead, SourceFile
from .named_source import NamedSource, find_source
from .standard_input import Scratch

__all__ = [
    "JSON_ENDINGS",
    "ROW_READERS",
    "SPAN_READERS",
    "NamedSource",
    "NotRead",
    "Scratch",
    "SourceFile",
    "check_columns_of",
    "find_source",
    "rows_of",
]
