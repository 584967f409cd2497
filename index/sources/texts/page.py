"""TextPage: what a text file holds; PageError: why it holds nothing that can be indexed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

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


class PageError(ValueError):
    """A text file cannot be read. ``kind`` says in one word why."""

    def __init__(self, kind: PageProblem, reason: str) -> None:
        super().__init__(reason)
        self.kind: PageProblem = kind
