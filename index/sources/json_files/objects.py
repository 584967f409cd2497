"""Decodes the objects of JSON files."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import cast

from ..budget import MAX_ROW_BYTES
from ..lines import RowTooLarge, memory_of


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object. A key that is there twice would lose one of its values."""
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice!r:.80} is there twice in one object; keep one of them")
    return values


_DECODER = json.JSONDecoder(parse_constant=lambda name: None, object_pairs_hook=_object)
"""NaN and the infinities, which some programs write, are null as in every other format."""
_SEPARATORS = ",\t[{"


def decode(text: str) -> object:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is not JSON, or too large.
    """
    if memory_of(text, _SEPARATORS) > MAX_ROW_BYTES:
        raise RowTooLarge
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} at column {error.colno}"
        if error.pos >= len(text.rstrip()) and text.lstrip().startswith(("{", "[")):
            message += ", where it ends; an object of several lines is read from a file that ends in .json"
        raise ValueError(message) from None
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deeply") from None


def decode_object(text: str) -> Mapping[str, object]:
    """Return the values of an object by their keys.

    Raises:
        ValueError: The text is not an object, or its metadata are none.
    """
    value = decode(text)
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object, but {value!r:.80}")  # noqa: TRY004 (what is wrong is the row)
    values = cast("dict[str, object]", value)
    metadata = values.get("metadata")
    if not isinstance(metadata, dict | None):
        raise ValueError(f"metadata must be an object, not {metadata!r:.80}")  # noqa: TRY004
    return values
