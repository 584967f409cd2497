"""Checks of arguments of any type, for all packages."""

from .checks import (
    checked_callable,
    checked_choice,
    checked_count,
    checked_flag,
    checked_instance,
    checked_items,
    checked_mapping,
    checked_number,
    checked_numbers,
    checked_path,
    checked_positive,
    checked_texts,
    described,
    lone_surrogate,
)
from .places import require_file_place, require_folder_place

__all__ = [
    "checked_callable",
    "checked_choice",
    "checked_count",
    "checked_flag",
    "checked_instance",
    "checked_items",
    "checked_mapping",
    "checked_number",
    "checked_numbers",
    "checked_path",
    "checked_positive",
    "checked_texts",
    "described",
    "lone_surrogate",
    "require_file_place",
    "require_folder_place",
]
