"""The tools: their names, what models are told of them, and what they take and answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp_types import Tool as ToolDescription
from mcp_types import ToolAnnotations
from pydantic import BaseModel

from .agent import Agent
from .answers import ContextAnswer, DocumentAnswer, InfoAnswer, SearchAnswer
from .arguments import Arguments, ContextArguments, DocumentArguments, InfoArguments, SearchArguments, read_arguments
from .documents import MOST_CHARACTERS

READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool.

    Attributes:
        name: Its name.
        title: Its name for people.
        description: When to use it, for a model.
        arguments: What it takes.
        answer: What it answers.
        run: Does it.
    """

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    answer: type[BaseModel]
    run: Callable[[Agent, Any], Awaitable[dict[str, Any]]]

    async def call(self, agent: Agent, given: dict[str, Any] | None) -> dict[str, Any]:
        """Call it with arguments that a model gives, and return its answer as a record.

        Raises:
            ToolError: It cannot be done. The text says why, and what to do.
        """
        record = await self.run(agent, read_arguments(self.name, self.arguments, given))
        return self.answer.model_validate(record).model_dump(mode="json")

    def described(self) -> ToolDescription:
        """Return what a client is told of it."""
        return ToolDescription(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments.model_json_schema(),
            output_schema=self.answer.model_json_schema(mode="serialization"),
            annotations=READ_ONLY,
        )


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "search",
            "Search documents",
            "Find the documents of an index that answer a question or are about something, by meaning and by words. "
            "Each result has its best passage; get_document returns more of it. Take relevance, from 0 to 1, as a "
            "guide: the best result is not always an answer.",
            SearchArguments,
            SearchAnswer,
            Agent.search,
        ),
        Tool(
            "get_document",
            "Get a document",
            "Return the text of a document, or a part of it: from the character start up to end, such as those of a "
            f"passage that was found, with neighbours more passages on both sides. At most {MOST_CHARACTERS:,} "
            "characters come at once; more says whether the text goes on.",
            DocumentArguments,
            DocumentAnswer,
            Agent.get_document,
        ),
        Tool(
            "index_info",
            "Describe the indexes",
            "Say which indexes there are, how many documents each has, and which fields of metadata a filter (where) "
            "can name, with their types, ranges and values.",
            InfoArguments,
            InfoAnswer,
            Agent.index_info,
        ),
        Tool(
            "context",
            "Gather passages for an answer",
            "Return the best passages for a question as one text, within a budget of tokens, each with a number to "
            "cite it by. Use it to answer a question from the documents, and search to look around in them.",
            ContextArguments,
            ContextAnswer,
            Agent.context,
        ),
    )
}
