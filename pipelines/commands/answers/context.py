"""The command ``bicross context``."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ....errors import ArgumentError
from ....models import DEFAULT_RERANKER
from ..options import (
    AsJson,
    Device,
    FirstStageName,
    IndexEncoder,
    IndexPlace,
    LongQuery,
    ModelName,
    Precision,
    Rerank,
    Where,
)

if TYPE_CHECKING:
    from ...answers import Context, ContextOptions
    from ...search import Settings

ContextFormat = Literal["text", "messages", "json"]
ContextOrder = Literal["edges", "relevance", "document"]


def context_command(
    path: IndexPlace,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the passages are to answer.")],
    *,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="The most tokens of the text, citations and blank lines included.")
    ] = None,
    characters: Annotated[int | None, typer.Option(min=1, help="The most characters, in place of tokens.")] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="Whose tokens are counted: a hub id, a folder or a tokenizer.json; default: that of the index's "
            "encoder."
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="The most passages; default: 5, or as many as fit the budget.")
    ] = None,
    order: Annotated[
        ContextOrder,
        typer.Option(
            help="edges puts the best first and the second best last; relevance the best first; document keeps those "
            "of a document together."
        ),
    ] = "edges",
    near_duplicates: Annotated[
        float | None,
        typer.Option(help="The cosine from which a passage is a copy of a better one and left out; default: 0.95."),
    ] = None,
    oversized: Annotated[
        Literal["error", "cut"],
        typer.Option(help="What becomes of the best passage where it alone is over the budget."),
    ] = "error",
    format: Annotated[  # noqa: A002 - the name of the option
        ContextFormat, typer.Option(help="Print the text, the chat messages with the question, or all as JSON.")
    ] = "text",
    retrieve_k: Annotated[
        int | None, typer.Option(min=1, help="Passages that are retrieved and reranked; default: 50.")
    ] = None,
    first_stage: FirstStageName = None,
    min_relevance: Annotated[
        float | None, typer.Option(help="Leave out passages of less relevance, a number from 0 to 1.")
    ] = None,
    long_queries: LongQuery = "error",
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    where: Where = None,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Print the passages that a language model should read for a question, with citations.

    Example: bicross context my-index "how do vaccines work?" --tokens 1000
    """
    options = _options(
        tokens, characters, tokenizer, top_k=top_k, order=order, near_duplicates=near_duplicates, oversized=oversized
    )
    if as_json and format != "text":
        raise ArgumentError(f"--json is --format json; leave out --format {format}")
    from ...answers import ContextPipeline  # not for --help
    from ...search import SearchOptions, check_queries

    search = SearchOptions(
        retrieve_k=retrieve_k,
        first_stage=first_stage,
        min_relevance=min_relevance,
        long_queries=long_queries,
        rerank=rerank or None,  # without a reranker, --no-rerank changes nothing
    )
    check_queries([question], any_length=long_queries != "error")
    with ContextPipeline.open(
        path,
        encoder=encoder,
        reranker=None if rerank is False else reranker,
        device=device,
        dtype=dtype,
        search=search,
        options=options,
    ) as pipeline:
        context, settings = pipeline.context(question, where=where), pipeline.settings
    _print(context, settings, "json" if as_json else format)


def _options(
    tokens: int | None,
    characters: int | None,
    tokenizer: str | None,
    *,
    top_k: int | None,
    order: ContextOrder,
    near_duplicates: float | None,
    oversized: Literal["error", "cut"],
) -> "ContextOptions":
    """Return the options of the context; mistakes are said before models are loaded, which takes seconds."""
    if tokens is not None and characters is not None:
        raise ArgumentError("give --tokens or --characters, not both")
    if tokenizer is not None and characters is not None:
        raise ArgumentError("--tokenizer counts tokens, and --characters counts none: leave one out")
    from ...answers import NEAR_DUPLICATES, ContextOptions, text_counter  # not for --help

    count = "characters" if characters is not None else tokenizer
    if count is not None:
        text_counter(count)
    return ContextOptions(
        budget=characters if tokens is None else tokens,
        count=count,
        top_k=top_k,
        order=order,
        near_duplicates=NEAR_DUPLICATES if near_duplicates is None else near_duplicates,
        oversized=oversized,
    )


def _print(context: "Context", settings: "Settings", shown: ContextFormat) -> None:
    from ..output import print_json, write_settings
    from ..terminal import plain

    if shown == "json":
        print_json({**context.to_dict(), "settings": settings.to_dict()})
        return
    if shown == "messages":
        sys.stdout.write(json.dumps(context.messages(), indent=2) + "\n")
        write_settings(settings)
        return
    # A program gets the text as it is; in a terminal a document must not move the cursor.
    text = context.text
    if sys.stdout.isatty():
        text = "\n".join(str(plain(line)) for line in text.split("\n"))
    sys.stdout.write(f"{text}\n" if text else "")
    sys.stderr.write(f"bicross: {_summary(context)}\n")
    write_settings(settings)


def _summary(context: "Context") -> str:
    """Return what the text takes, and what was left out, in one line."""
    from ....errors.counts import counted

    if not context.citations:
        return "no passage was found"
    passages = sum(citation.passages for citation in context.citations)
    parts = [counted(passages, "passage")]
    if context.size is not None:
        budget = "" if context.budget is None else f" of {context.budget:,}"
        parts.append(f"{context.size:,}{budget} {context.unit}")
    if context.near_duplicates:
        parts.append(counted(context.near_duplicates, "near-duplicate") + " left out")
    if context.over_budget:
        parts.append(f"{context.over_budget:,} more did not fit")
    if any(citation.cut for citation in context.citations):
        parts.append("the passage was cut after a sentence")
    return ", ".join(parts)
