"""What the tools answer, as models and programs read it."""

from typing import Any

from pydantic import BaseModel, Field


class PassageAnswer(BaseModel):
    """A part of a document."""

    text: str
    start: int = Field(description="Where it begins in the text of the document, in characters.")
    end: int
    cut: bool = Field(description="Whether its end was left out; get_document returns it.")


class ResultAnswer(BaseModel):
    """A document that was found."""

    rank: int
    id: str
    title: str
    relevance: float = Field(description="From 0 to 1.")
    passage: PassageAnswer = Field(description="The part of the document that was found.")
    characters: int = Field(description="The length of its whole text.")
    metadata: dict[str, Any]
    uri: str = Field(description="The resource with the whole document.")


class SearchAnswer(BaseModel):
    """The best documents for a query."""

    index: str
    generation: int = Field(description="It grows with every change of the index.")
    query: str
    results: list[ResultAnswer]
    hint: str | None = Field(description="Why there are no results.")


class DocumentAnswer(BaseModel):
    """A document, or a part of it."""

    index: str
    generation: int
    id: str
    title: str
    metadata: dict[str, Any]
    text: str
    start: int
    end: int
    characters: int = Field(description="The length of its whole text.")
    more: bool = Field(description="Whether the text goes on: call again with start as end is here.")
    uri: str


class FieldAnswer(BaseModel):
    """A field of the metadata that a filter can name."""

    name: str
    kinds: dict[str, int] = Field(description="How many documents have a value of each type.")
    minimum: Any
    maximum: Any
    values: list[Any] = Field(description="All of its values, where these are few.")


class IndexAnswer(BaseModel):
    """What an index holds."""

    name: str
    generation: int
    documents: int
    passages: int
    bytes: int
    encoder: dict[str, Any]
    reranker: str | None
    settings: dict[str, Any]
    fields: list[FieldAnswer]


class InfoAnswer(BaseModel):
    """What the indexes hold; the first is the one of calls that name none."""

    indexes: list[IndexAnswer]


class CitationAnswer(BaseModel):
    """Where a numbered part of the text comes from."""

    number: int = Field(description="1 is [1] in the text.")
    id: str
    title: str
    start: int
    end: int
    page: str | None
    heading: str | None
    relevance: float
    cut: bool
    uri: str


class ContextAnswer(BaseModel):
    """The best passages for a question, and where they come from."""

    index: str
    generation: int
    query: str
    text: str = Field(description="The passages, each below its number, title and place. Cite them as [1].")
    citations: list[CitationAnswer]
    size: int = Field(description="The tokens of the text.")
    budget: int
    near_duplicates: int = Field(description="Passages that were left out as copies of better ones.")
    over_budget: int = Field(description="Passages that were left out because there was no room.")
