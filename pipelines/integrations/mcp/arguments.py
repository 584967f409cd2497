"""The arguments of the tools, as the model gives them. Unknown ones are refused: a filter must not get lost."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

MOST_RESULTS = 50
MOST_BUDGET = 32_000
MOST_NEIGHBOURS = 20
ArgumentsOf = TypeVar("ArgumentsOf", bound="Arguments")


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a whole number is needed, not true or false")  # noqa: TRY004 - pydantic reports this one
    return value


Whole = Annotated[int, BeforeValidator(_no_boolean)]
IndexName = Annotated[
    str | None, Field(description="The name of the index, as index_info gives it; the first one where it is left out.")
]
Where = Annotated[
    str | None,
    Field(
        description="A filter on the metadata of documents, in the manner of Python: year >= 2020 and source == "
        "'pubmed'; 'heart' in tags; startswith(path, 'docs/'); journal in ('Nature', 'Cell'). index_info names the "
        "fields."
    ),
]


class Arguments(BaseModel):
    """The arguments of a tool."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SearchArguments(Arguments):
    """What search takes."""

    query: str = Field(description="A question, or words, in the language of the documents.")
    top_k: Whole = Field(default=5, ge=1, le=MOST_RESULTS, description="How many documents to return.")
    where: Where = None
    index: IndexName = None


class DocumentArguments(Arguments):
    """What get_document takes."""

    id: str = Field(description="The id of the document, as search and context give it.")
    start: Whole = Field(default=0, ge=0, description="The first character of its text to return, from 0.")
    end: Whole | None = Field(default=None, ge=1, description="The character behind the last one to return.")
    neighbours: Whole = Field(
        default=0,
        ge=0,
        le=MOST_NEIGHBOURS,
        description="How many passages before and after the characters from start to end to return too.",
    )
    index: IndexName = None


class InfoArguments(Arguments):
    """What index_info takes."""

    index: Annotated[
        str | None, Field(description="The name of an index; all of them are described where it is left out.")
    ] = None


class ContextArguments(Arguments):
    """What context takes."""

    query: str = Field(description="The question that the passages are to answer.")
    budget: Whole = Field(
        default=2_000,
        ge=1,
        le=MOST_BUDGET,
        description="The most tokens of the text that is returned, citations included.",
    )
    where: Where = None
    index: IndexName = None


def read_arguments(tool: str, kind: type[ArgumentsOf], given: Mapping[str, Any] | None) -> ArgumentsOf:
    """Return the arguments of a call; one that is null is as one that is left out.

    Raises:
        ToolError: They are not those of the tool. Its text names what is wrong, and what the tool takes.
    """
    try:
        return kind.model_validate({name: value for name, value in (given or {}).items() if value is not None})
    except ValidationError as error:
        reasons = [_reason(entry) for entry in error.errors(include_url=False, include_context=False)[:5]]
    raise ToolError(f"{'; '.join(reasons)}. {tool} takes: {', '.join(kind.model_fields)}")


def _reason(entry: Mapping[str, Any]) -> str:
    name = repr(str(entry["loc"][0]))[1:-1][:60] if entry["loc"] else "arguments"
    messages = {
        "extra_forbidden": "there is no such argument",
        "missing": "it is missing",
        "string_unicode": "the text has a lone surrogate; take it out",
    }
    return f"{name}: {messages.get(entry['type'], entry['msg'].removeprefix('Value error, '))}"
