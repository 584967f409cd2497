"""Reads JSON Lines and JSON files as rows."""

from .reading import is_array, read_json, read_json_lines, read_json_lines_part

__all__ = ["is_array", "read_json", "read_json_lines", "read_json_lines_part"]
