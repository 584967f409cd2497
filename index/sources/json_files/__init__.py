"""Reads JSON Lines and JSON files as rows."""

from .reading import read_json, read_json_lines

__all__ = [
    "read_json",
    "read_json_lines",
]
