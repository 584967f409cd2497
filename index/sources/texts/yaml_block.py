"""Reads the YAML of front matter. Importing this module imports yaml."""

from collections import Counter
from collections.abc import Mapping
from typing import cast

import yaml

_BINARY = "tag:yaml.org,2002:binary"


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


def read_yaml(block: str) -> tuple[str, Mapping[object, object] | None, str]:
    """Read a block.

    Args:
        block: The YAML.

    Returns:
        The title as it is written, or ""; all values, or None where the block is not a mapping, and so no front matter;
        and what there is to say about them.

    Raises:
        ValueError: It is not YAML, or has an alias.
    """
    try:
        return _title_and_values(_Loader(block))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _title_and_values(loader: _Loader) -> tuple[str, Mapping[object, object] | None, str]:
    node = loader.get_single_node()
    if not isinstance(node, yaml.MappingNode):
        return "", {} if node is None else None, ""
    values = cast("dict[object, object]", loader.construct_document(node))  # pyright: ignore[reportUnknownMemberType]
    # As it is written: YAML takes the title "1984" for a number, "No" for a boolean, and "1.10" for 1.1.
    written = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    title = written.get("title")
    named = title.value if isinstance(title, yaml.ScalarNode) and not _is_null(title) else ""
    return named, values, "; ".join(loader.notes)


def _is_null(node: yaml.ScalarNode) -> bool:
    return node.tag == "tag:yaml.org,2002:null"
