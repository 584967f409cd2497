"""Context: passages of documents with citations, as a language model reads them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors.arguments import checked_instance
from .context_selection import Span

INSTRUCTIONS = (
    "Answer the question from the numbered passages alone. Put the numbers of the passages that you use behind each "
    "statement, as in [1] or [2][3]. If the passages do not hold the answer, say so."
)
"""What ``Context.messages`` tells the model, unless it is given something else."""
SEPARATOR = "\n\n"
NOTHING = "(There are no passages.)"
_PLACES = {"page": ("page", "page_number"), "heading": ("heading", "section")}
"""The fields of metadata that say where in a longer document a text stands."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered part of a document in a context.

    Attributes:
        number: What the text is marked with: 1 is [1].
        id: The id of the document.
        title: Its title; may be empty.
        start: Where the part begins in the document's text, in characters.
        end: Where it ends, exclusive.
        text: The part: ``document.text[start:end]``.
        page: The page, where the metadata have ``page`` or ``page_number``; else None.
        heading: The heading, where the metadata have ``heading`` or ``section``; else None.
        rank: The rank of its best passage among those that were found, from 1.
        relevance: The relevance of that passage, from 0 to 1.
        passages: How many passages of the index were merged into it.
        cut: Whether it lost its end, because the passage was over the budget.
    """

    number: int
    id: str
    title: str
    start: int
    end: int
    text: str
    page: str | None
    heading: str | None
    rank: int
    relevance: float
    passages: int
    cut: bool

    @property
    def label(self) -> str:
        """The line above the text: number, title, id, page, heading and span."""
        title = " ".join(self.title.split())
        located = [
            *([f"page {self.page}"] if self.page is not None else []),
            *([self.heading] if self.heading is not None else []),
            f"characters {self.start}-{self.end}",
        ]
        id_ = " ".join(self.id.split())
        if title:
            return f"[{self.number}] {title} ({', '.join([id_, *located])})"
        return f"[{self.number}] {id_} ({', '.join(located)})"

    def to_dict(self) -> dict[str, object]:
        """Return the citation as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Context:
    """What was chosen for a question, for a language model to read.

    Attributes:
        query: The question.
        citations: The parts of documents, in the order in which they are shown.
        size: What ``text`` takes of the budget; None where nothing was counted.
        budget: The most that it may take; None where there is no budget.
        unit: What ``size`` and ``budget`` count: "tokens", "characters", or "units" of a function.
        near_duplicates: Passages that were left out as copies of better ones.
        over_budget: Passages that were left out because there was no room for them.
        generation: The generation of the index; None for a retriever without an index.
    """

    query: str
    citations: tuple[Citation, ...]
    size: int | None
    budget: int | None
    unit: str
    near_duplicates: int
    over_budget: int
    generation: int | None = None

    @property
    def text(self) -> str:
        """The passages below their citations, with an empty line between them; empty where nothing was found."""
        return rendered(self.citations)

    def messages(self, question: str | None = None, *, instructions: str = INSTRUCTIONS) -> list[dict[str, str]]:
        """Return chat messages: the instructions, and the passages with the question below them.

        The budget is for the passages: leave room for the instructions, the question and the answer.

        Args:
            question: What to ask; None is the query.
            instructions: The text of the system message; without any there is none.
        """
        asked = self.query if question is None else checked_instance(question, str, "question")
        checked_instance(instructions, str, "instructions")
        system = [{"role": "system", "content": instructions}] if instructions else []
        return [*system, {"role": "user", "content": f"{self.text or NOTHING}{SEPARATOR}Question: {asked}"}]

    def to_dict(self) -> dict[str, object]:
        """Return the context as JSON."""
        return {
            "query": self.query,
            "text": self.text,
            "citations": [citation.to_dict() for citation in self.citations],
            "size": self.size,
            "budget": self.budget,
            "unit": self.unit,
            "near_duplicates": self.near_duplicates,
            "over_budget": self.over_budget,
            "generation": self.generation,
        }

    def to_json(self) -> str:
        """Return the context as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def cited(spans: Sequence[Span]) -> tuple[Citation, ...]:
    """Return the citations of spans, numbered in their order."""
    return tuple(
        Citation(
            number=number,
            id=span.document.id,
            title=span.document.title,
            start=span.start,
            end=span.end,
            text=span.text,
            page=_place(span.document.metadata, "page"),
            heading=_place(span.document.metadata, "heading"),
            rank=span.rank,
            relevance=span.relevance,
            passages=span.passages,
            cut=span.cut,
        )
        for number, span in enumerate(spans, start=1)
    )


def rendered(citations: Sequence[Citation]) -> str:
    """Return the text of a context."""
    return SEPARATOR.join(
        f"{citation.label}\n{citation.text}" if citation.text else citation.label for citation in citations
    )


def _place(metadata: Mapping[str, object], kind: str) -> str | None:
    """Return the first of the fields that has a text or a whole number, in one line."""
    for name in _PLACES[kind]:
        value = metadata.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return " ".join(str(value).split())
    return None
