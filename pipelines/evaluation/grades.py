"""Reads grades of relevance."""

import re

MAX_GRADE = 10_000
"""The highest grade that is accepted, because trec_eval makes a table as long as the highest grade."""

_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,400})(?:\.0*)?\s*")


def whole_grade(value: object) -> int | None:
    """Return a grade that is written as a whole number, also as ``1.0``; None for anything else.

    Args:
        value: A number or a text.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        match = _WHOLE.fullmatch(value)
        return int(match[1]) if match else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None
