"""TextPage: what a text file holds, and the language that it names; PageError: why it holds nothing to be indexed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

_LANGUAGE = re.compile(r"[a-zA-Z]{2,8}(?:[-_][a-zA-Z0-9]{1,8}){0,7}")
PageProblem: TypeAlias = Literal["damaged", "empty", "encoding", "size"]


@dataclass(frozen=True, slots=True)
class TextPage:
    """What was found in a text file.

    Attributes:
        text: Its text.
        title: Its title, or "" where it has none.
        metadata: What the file says about itself, as JSON values.
        note: What a report should say about the file, or "".
    """

    text: str
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)
    note: str = ""


def language_named(value: object) -> dict[str, object]:
    """Return the metadata ``language`` where a value is the tag of one, such as ``en`` or ``pt-BR``; else nothing."""
    tag = value.strip() if isinstance(value, str) else ""
    return {"language": tag} if _LANGUAGE.fullmatch(tag) else {}


class PageError(ValueError):
    """A text file cannot be read. ``kind`` says in one word why."""

    def __init__(self, kind: PageProblem, reason: str) -> None:
        super().__init__(reason)
        self.kind: PageProblem = kind
