"""Reads the front matter of Markdown: a block of YAML or TOML before the text, which tells about the text."""

import datetime
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

MAX_CHARACTERS = 2**16
"""A longer block is text: YAML takes far more time and memory than a text of its length."""

_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\[^\n])*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"(?<![^\s\[{{,]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{64}}")
"""A dotted key of TOML with more than 64 parts: tomllib takes time and memory with the square of their number."""


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What stands before the text of a page.

    Attributes:
        length: The characters that the block takes, with its last line; 0 where there is none.
        title: The title that it gives, as it is written, or "".
        metadata: Its other entries, as JSON values.
        problem: Why a block that looks like front matter cannot be read; it is part of the text then.
        note: Which of its values are kept as texts although they look like something else, or are there twice.
    """

    length: int = 0
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)
    problem: str = ""
    note: str = ""


def front_matter(content: str) -> FrontMatter:
    """Return the front matter of a page: YAML between lines of ``---``, or TOML between lines of ``+++``."""
    line, has_more, _ = content[:MAX_CHARACTERS].partition("\n")
    mark = line.rstrip(" \t")
    if not has_more or mark not in ("---", "+++"):
        return FrontMatter()
    begin = len(line) + 1
    end, after = _end(content[:MAX_CHARACTERS], begin, (mark, "...") if mark == "---" else (mark,))
    if end < 0:
        return FrontMatter()
    try:
        title, values, note = (_yaml if mark == "---" else _toml)(content[begin:end])
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        return FrontMatter(problem=" ".join(str(error).split())[:200])
    except RecursionError:
        return FrontMatter(problem="it is nested too deeply")
    return FrontMatter(after, title, values, note=note) if values is not None else FrontMatter()


def _end(content: str, begin: int, marks: tuple[str, ...]) -> tuple[int, int]:
    """Return where the block ends, and where the text begins after it; (-1, -1) if nothing ends the block."""
    while begin < len(content):
        end = content.find("\n", begin)
        after = len(content) if end < 0 else end + 1
        if content[begin:after].rstrip(" \t\n") in marks:
            return begin, after
        begin = after
    return -1, -1


def _yaml(block: str) -> tuple[str, Mapping[str, object] | None, str]:
    from .yaml_block import read_yaml  # imports yaml, which most sources do not need

    title, values, note = read_yaml(block)
    return ("", None, note) if values is None else (*_split(values, title), note)


def _toml(block: str) -> tuple[str, Mapping[str, object] | None, str]:
    if _LONG_KEY.search(block):
        raise ValueError("a key has more than 64 parts")
    values = tomllib.loads(block)
    title = values.get("title")
    return *_split(values, title if isinstance(title, str) else ""), ""


def _split(values: object, title: str) -> tuple[str, Mapping[str, object]]:
    metadata = cast("dict[str, object]", _json_value(values))
    if title.strip():
        metadata.pop("title", None)
    return " ".join(title.split()), metadata


def _json_value(value: object) -> object:
    match value:
        case dict():
            members = cast("dict[object, object]", value)
            return {str(key): _json_value(member) for key, member in members.items()}
        case list() | tuple() | set():
            return [_json_value(member) for member in cast("list[object]", value)]
        case datetime.date() | datetime.time():
            return value.isoformat()
        case float():
            return None if math.isnan(value) else value
        case None | bool() | int() | str():
            return value
        case _:
            raise ValueError(f"{type(value).__name__} is not a JSON value")
