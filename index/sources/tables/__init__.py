"""Reads Parquet and Arrow files as rows, a few at a time."""

from .reading import arrow_sizes, parquet_sizes, read_arrow, read_parquet

__all__ = [
    "arrow_sizes",
    "parquet_sizes",
    "read_arrow",
    "read_parquet",
]
