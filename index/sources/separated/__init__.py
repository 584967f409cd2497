"""Reads CSV and TSV files, and others whose fields a character separates, as rows."""

from .reading import read_csv
from .shape import check_csv

__all__ = [
    "check_csv",
    "read_csv",
]
