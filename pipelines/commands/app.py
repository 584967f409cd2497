"""The commands. Knows how to ask and how to show; what is done stands in the modules that it calls."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ...errors import ArgumentError, BicrossError
from ...index import Index
from ...rerank import DEFAULT_RERANKER
from ..search import QUERIES_AT_ONCE, RerankK, SearchPipeline, Timings, read_cascade, search_record
from . import index as changes
from .demo import QUESTIONS, build_demo, demo_path, print_demo, show_demo
from .evaluate import evaluate_command
from .options import (
    Adaptive,
    AsJson,
    CascadeStages,
    Device,
    FirstStageName,
    IndexEncoder,
    IndexPath,
    ModelName,
    OldFirstStageName,
    Passages,
    Precision,
    Rerank,
    RetrieveK,
    Where,
)
from .output import info_record, info_table, print_json, results_table
from .train import early_layers_command, train_app, train_encoder_command, train_exits_command
from .tune import tune_command

app = typer.Typer(
    help="Search your own documents by meaning: a bi-encoder retrieves, a cross-encoder re-sorts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    changes.index,
    changes.add,
    changes.delete,
    changes.compact,
    changes.rollback,
    changes.verify,
):
    app.command()(command)
app.command("retokenize")(changes.retokenize_command)
app.command("index-terms")(changes.index_terms_command)
app.command("lexical", hidden=True)(changes.index_terms_command)  # the name of before
app.command("evaluate")(evaluate_command)
app.command("tune")(tune_command)
train_app.command("encoder")(train_encoder_command)
train_app.command("exits")(train_exits_command)
train_app.command("early-layers")(early_layers_command)
app.add_typer(train_app, name="train")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a failure, 2 a wrong use."""
    try:
        app(argv, prog_name="bicross")
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else 1
    except ArgumentError as error:
        return _fail(error, 2)
    except (BicrossError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


@app.command()
def search(
    path: IndexPath,
    queries: Annotated[list[str] | None, typer.Argument(metavar="[QUERY]...", help="One query or several.")] = None,
    *,
    file: Annotated[str | None, typer.Option(help="Read queries from a file, one a line; - is standard input.")] = None,
    top_k: Annotated[int, typer.Option(help="Results to show.")] = 10,
    retrieve_k: RetrieveK = None,
    rerank_k: Annotated[
        str | None,
        typer.Option(
            help="Documents that stage two reads; auto leaves it to the stop rule that tuning stored; "
            "default: as tuned, else 100.",
            metavar="INTEGER|auto",
        ),
    ] = None,
    first_stage: FirstStageName = None,
    stage_one: OldFirstStageName = None,
    passages: Passages = "best",
    adaptive: Adaptive = False,
    cascade: CascadeStages = None,
    min_relevance: Annotated[
        float | None, typer.Option(help="Leave out what has less relevance, from 0 to 1, or was not reranked.")
    ] = None,
    deadline_ms: Annotated[
        float | None,
        typer.Option(help="Milliseconds from the start of a search (of 32 queries at most) to the end of reading."),
    ] = None,
    rerank: Rerank = True,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    where: Where = None,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Search an index.

    Example: bicross search my-index "how do vaccines work?" --where "year >= 2020"
    """
    if file is not None and queries:
        raise ArgumentError("give queries as arguments or with --file, not both")
    if file is None and not queries:
        raise ArgumentError('give a query, as in: bicross search my-index "how do vaccines work?"; or --file')
    pipeline = SearchPipeline.open(
        path,
        encoder=encoder,
        reranker=reranker if rerank else None,
        device=device,
        dtype=dtype,
        retrieve_k=retrieve_k,
        rerank_k=_rerank_k(rerank_k),
        top_k=top_k,
        first_stage=first_stage or stage_one,
        passages=passages,
        adaptive=adaptive,
        cascade=read_cascade(cascade),
        min_relevance=min_relevance,
    )
    console = Console()
    remaining = iter(queries or _lines(file or "-"))
    while some := list(islice(remaining, QUERIES_AT_ONCE)):
        timings = Timings()
        answers = pipeline.search_batch(some, where=where, deadline_ms=deadline_ms, timings=timings)
        for query, results, depth in zip(some, answers, timings.depths, strict=True):
            if as_json:
                print_json(search_record(query, results, depth))
            else:
                console.print(results_table(query, results, depth))


@app.command()
def info(path: IndexPath, *, as_json: AsJson = False) -> None:
    """Show what an index holds and which model made it. Every file's checksum is verified."""
    known = Index.open(path).info()
    if as_json:
        print_json(info_record(known))
    else:
        Console().print(info_table(known))


@app.command()
def demo(
    questions: Annotated[list[str] | None, typer.Argument(metavar="[QUESTION]...", help="Your own questions.")] = None,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder of the index.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Index this many documents only.")] = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Index the documentation of the installed Python and its packages, and search it. Needs no network."""
    path, asked = output or demo_path(), questions or QUESTIONS
    # With --json standard output carries nothing else.
    console = Console(stderr=as_json)
    build_demo(path, limit=limit, device=device, console=console)
    if as_json:
        print_demo(path, asked, device=device)
    else:
        show_demo(path, asked, device=device, console=console)


def _rerank_k(value: str | None) -> RerankK | None:
    if value is None or value == "auto":
        return value
    try:
        return int(value)
    except ValueError:
        raise ArgumentError(f"--rerank-k takes a whole number or auto, not {value!r}") from None


def _lines(file: str) -> Iterator[str]:
    """The lines of a file that are not blank."""
    if file == "-":
        yield from _filled(sys.stdin)
        return
    try:
        with Path(file).open(encoding="utf-8-sig") as lines:
            yield from _filled(lines)
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{file} is not UTF-8 text: {error}") from None


def _filled(lines: Iterable[str]) -> Iterator[str]:
    return (line.strip() for line in lines if line.strip())


def _fail(error: object, code: int) -> int:
    sys.stderr.write(f"bicross: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
