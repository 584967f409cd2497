"""Reads Parquet and Arrow files as rows, a few at a time."""

from .reading import read_arrow, read_parquet

__all__ = [
    "read_arrow",
    "read_parquet",
]
