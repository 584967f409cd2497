"""Reads the front matter of Markdown: a block of YAML or TOML before the text, which tells about the text."""

import datetime
import math
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import yaml

_BINARY = "tag:yaml.org,2002:binary"
MAX_CHARACTERS = 2**16
"""A longer block is text: YAML takes far more time and memory than a text of its length."""


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
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, AttributeError) as error:
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


class _Loader(yaml.SafeLoader):
    """YAML of plain values without aliases, with which a few lines can stand for gigabytes.

    Attributes:
        notes: What there is to say about its values.
    """

    def __init__(self, block: str) -> None:
        super().__init__(block)
        self.notes: list[str] = []

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - as in yaml
        """Return the value of a node: its text, where it is a scalar and not what it looks like."""
        if not isinstance(node, yaml.ScalarNode):
            self._note_keys(node)
            return super().construct_object(node, deep)  # pyright: ignore[reportUnknownMemberType]
        if node.tag == _BINARY:
            return node.value
        try:
            return super().construct_object(node, deep)  # pyright: ignore[reportUnknownMemberType]
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self.recursive_objects.pop(node, None)
            reason = getattr(error, "problem", None) or str(error)
            self.notes.append(f"{node.value!r:.60} in line {node.start_mark.line + 2} is kept as text: {reason:.100}")
            return node.value

    def _note_keys(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            twice = [key for key, count in keys.items() if count > 1]
            self.notes.extend(f"{key!r:.60} is there several times, and the last one counts" for key in twice)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it has an alias (*), which is not read")
        return super().compose_node(parent, index)


def _yaml(block: str) -> tuple[str, Mapping[str, object] | None, str]:
    """Return the title, the other values and a note; None where the block is no mapping, and so no front matter."""
    loader = _Loader(block)
    node = loader.get_single_node()
    if not isinstance(node, yaml.MappingNode):
        return "", {} if node is None else None, ""
    values: object = loader.construct_document(node)  # pyright: ignore[reportUnknownMemberType]
    # As it is written: YAML takes the title "1984" for a number, "No" for a boolean, and "1.10" for 1.1.
    written = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    title = written.get("title")
    named = title.value if isinstance(title, yaml.ScalarNode) and not _is_null(title) else ""
    return *_split(values, named), "; ".join(loader.notes)


def _is_null(node: yaml.ScalarNode) -> bool:
    return node.tag == "tag:yaml.org,2002:null"


def _toml(block: str) -> tuple[str, Mapping[str, object] | None, str]:
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
            raise ValueError(f"{type(value).__name__} is no JSON value")
