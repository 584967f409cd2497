"""Reads CSV and TSV files, and others whose fields a character separates, as rows."""

from .reading import read_csv

__all__ = [
    "read_csv",
]
