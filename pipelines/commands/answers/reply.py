"""The command ``bicross reply``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ....models import DEFAULT_RERANKER
from ..options import (
    AsJson,
    Device,
    FirstStageName,
    IndexEncoder,
    ModelName,
    Precision,
    Rerank,
    Where,
)

if TYPE_CHECKING:
    from ...answers import Reply
    from ...search import Settings


def reply_command(
    path: Annotated[
        str,
        typer.Argument(
            metavar="INDEX", help="An index of past exchanges: a text is a reply, its title what it replied to."
        ),
    ],
    dialogue: Annotated[
        list[str], typer.Argument(metavar="TURN...", help="The turns of the dialogue, the latest last.")
    ],
    *,
    top_k: Annotated[int, typer.Option(help="The most replies.")] = 5,
    turns: Annotated[
        int | None,
        typer.Option(help="The most turns that are used, from the latest on; default: all that fit."),
    ] = None,
    first_stage: FirstStageName = None,
    retrieve_k: Annotated[
        int | None,
        typer.Option(help="Exchanges that are retrieved and reranked; default: 50, or as many as are shown."),
    ] = None,
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    where: Where = None,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Find replies to a dialogue among past exchanges.

    Prints each reply with its relevance from 0 to 1, and below it what it replied to.

    Example: bicross reply exchanges "my phone is broken" "which part of it?" "the screen"
    """
    from ....index import Index  # not for --help
    from ...answers import ReplyPipeline, fold_dialogue
    from ...search import SearchOptions

    # Mistakes first: to load models takes seconds.
    fold_dialogue(dialogue, turns=turns)
    search = SearchOptions(
        first_stage=first_stage,
        retrieve_k=retrieve_k,
        rerank=rerank or None,  # without a reranker, --no-rerank changes nothing
    )
    index = Index.open(path)
    if where is not None:
        index.count(where)
    from ...progress import doing

    with doing("Loading the models", shown=not as_json and sys.stderr.isatty()):
        pipeline = ReplyPipeline.open(
            index,
            encoder=encoder,
            reranker=None if rerank is False else reranker,
            device=device,
            dtype=dtype,
            search=search,
            top_k=top_k,
            turns=turns,
        )
    with pipeline:
        replies, settings = pipeline.replies(dialogue, where=where), pipeline.settings
    _print_replies(replies, settings, as_json=as_json)


def _print_replies(replies: "list[Reply]", settings: "Settings", *, as_json: bool) -> None:
    from rich.console import Console

    from ..output import print_json, write_settings
    from ..terminal import plain, snippet

    if as_json:
        for reply in replies:
            print_json({**reply.to_dict(), "settings": settings.to_dict()})
        return
    console = Console(highlight=False)
    for reply in replies:
        console.print(plain(f"{reply.rank}. ({reply.relevance:.2f}) {snippet(reply.text)}"), soft_wrap=True)
        exchange = reply.exchange
        to = f"{snippet(exchange.title)} " if exchange.title else ""
        console.print(plain(f"   {to}({exchange.id})"), soft_wrap=True)
    if not replies:
        Console(stderr=True).print(plain("No reply: the index has no exchange that matches."), soft_wrap=True)
    write_settings(settings)
