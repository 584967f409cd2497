"""Which kinds of values a payload holds at a place."""

from collections.abc import Mapping
from typing import cast

from qdrant_client import models

from ....index.filters import date_span
from ..stores import Kind, Kinds

DAY = 10
"""The characters of 2024-05-17: Qdrant reads no shorter date."""


def kinds_of_value(payload: models.Payload, key: str) -> Kinds:
    """Return the kinds of the value at a place.

    Args:
        payload: The payload.
        key: The place, as ``payload_key`` writes it.
    """
    return _kinds(_value(payload, key))


def has_something(payload: models.Payload, key: str) -> bool:
    """Whether a payload has a value at a place, as Qdrant sees it: an empty list is none."""
    return _value(payload, key) not in (None, [])


def _value(payload: models.Payload, key: str) -> object:
    value: object = payload
    for name in _names(key):
        value = cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else None
    return value


def _names(key: str) -> list[str]:
    """Split a key at the dots that stand in no quotes."""
    parts = key.split('"')
    names: list[str] = []
    for place, part in enumerate(parts):
        names += [part] if place % 2 else [name for name in part.split(".") if name]
    return names


def _kinds(value: object) -> Kinds:
    match value:
        case bool():
            return (Kind.BOOLEANS,)
        case int() | float():
            return (Kind.NUMBERS,)
        case str() if len(value) >= DAY and date_span(value) is not None:
            return (Kind.TEXTS, Kind.DATES)
        case str():
            return (Kind.TEXTS,)
        case list():
            items = cast("list[object]", value)
            first = next((item for item in items if item is not None), None)
            kind = {Kind.TEXTS: Kind.TEXT_LISTS, Kind.NUMBERS: Kind.NUMBER_LISTS}.get(_kinds(first)[0], Kind.OTHER)
            return (kind,)
        case Mapping():
            return (Kind.OBJECTS,)
        case _:
            return (Kind.OTHER,)
