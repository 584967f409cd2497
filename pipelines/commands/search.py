"""The command ``bicross search``."""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer

from ...errors import ArgumentError
from ...models import DEFAULT_RERANKER
from ..choices import LongQueries
from .clusters import Opening, RayAddress, RerankerWorkerCount, ShardCount
from .options import (
    Adaptive,
    AsJson,
    CascadeStages,
    Device,
    FeedbackFlag,
    FirstStageName,
    IndexEncoder,
    IndexPlace,
    LateInteraction,
    LongQuery,
    ModelName,
    OldFirstStageName,
    Passages,
    Precision,
    Rerank,
    RetrieveK,
    Where,
)


def search_command(
    path: IndexPlace,
    queries: Annotated[list[str] | None, typer.Argument(metavar="[QUERY]...", help="One query or several.")] = None,
    *,
    file: Annotated[str | None, typer.Option(help="Read queries from a file, one a line; - is standard input.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Results to show; default: 10.")] = None,
    retrieve_k: RetrieveK = None,
    rerank_k: Annotated[
        str | None,
        typer.Option(
            help="Candidates to rerank; auto takes the stop rule that tuning stored; default: as tuned, else 100.",
            metavar="INTEGER|auto",
        ),
    ] = None,
    first_stage: FirstStageName = None,
    stage_one: OldFirstStageName = None,
    feedback: FeedbackFlag = None,
    passages: Passages = "best",
    adaptive: Adaptive = False,
    cascade: CascadeStages = None,
    late_interaction: LateInteraction = None,
    long_queries: LongQuery = "error",
    min_relevance: Annotated[
        float | None,
        typer.Option(help="Leave out results of less relevance, a number from 0 to 1."),
    ] = None,
    deadline_ms: Annotated[
        float | None,
        typer.Option(
            help="Milliseconds from the start of a search to the end of reranking; each 32 queries are one search."
        ),
    ] = None,
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    where: Where = None,
    device: Device = None,
    dtype: Precision = "float32",
    ray: RayAddress = None,
    shards: ShardCount = None,
    reranker_workers: RerankerWorkerCount = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the rank and the score of each result through every stage.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search an index.

    Example: bicross search my-index "how do vaccines work?" --where "year >= 2020"
    """
    if file is not None and queries:
        raise ArgumentError("give queries as arguments or with --file, not both")
    if file is None and not queries:
        raise ArgumentError('give a query, as in: bicross search my-index "how do vaccines work?"; or --file')
    from ..search import (  # not for --help
        QUERIES_AT_ONCE,
        SearchPipeline,
        Timings,
        check_deadline,
        check_queries,
        read_cascade,
        search_record,
    )

    # Mistakes first: to load models takes seconds.
    depth_to_rerank, stages = _rerank_k(rerank_k), read_cascade(cascade)
    check_deadline(deadline_ms)
    _check_given(queries or [], long_queries)
    check_queries(queries or [], any_length=True)
    if file not in (None, "-") and not Path(file).is_file():
        raise ArgumentError(f"--file names {file}, and there is no such file")
    opening = Opening(ray, shards, reranker_workers=reranker_workers)
    opening.require_reranking(rerank)
    [index] = opening.indexes({"": path}).values()
    if where is not None:
        index.count(where)
    with _loading(shown=not as_json and sys.stderr.isatty()):
        pipeline = SearchPipeline.open(
            index,
            encoder=encoder,
            reranker=None if rerank is False else opening.reranker(reranker, device=device, dtype=dtype),
            device=device,
            dtype=dtype,
            retrieve_k=retrieve_k,
            rerank_k=depth_to_rerank,
            rerank=rerank or None,  # without a reranker, --no-rerank changes nothing
            top_k=top_k,
            first_stage=first_stage or stage_one,
            feedback=feedback,
            passages=passages,
            adaptive=adaptive,
            cascade=stages,
            late_interaction=late_interaction,
            long_queries=long_queries,
            min_relevance=min_relevance,
        )
    from rich.console import Console

    from .output import nothing_found, print_json, results_table
    from .terminal import plain

    console = Console()
    remaining = iter(queries or _lines(file or "-"))
    while chunk := list(islice(remaining, QUERIES_AT_ONCE)):
        timings = Timings()
        answers = pipeline.search_batch(chunk, where=where, deadline_ms=deadline_ms, timings=timings)
        for query, results, depth in zip(chunk, answers, timings.depths, strict=True):
            if as_json:
                print_json(
                    {**search_record(query, results, depth, stages=explain), "settings": pipeline.settings.to_dict()}
                )
            elif results:
                console.print(results_table(query, results, depth, stages=explain))
            else:
                console.print(nothing_found(query, depth, pipeline, where=where), soft_wrap=True)
    if not as_json:
        console.print(plain(f"Settings: {pipeline.settings}"), style="dim")


def _check_given(queries: Sequence[str], policy: LongQueries) -> None:
    """Refuse a query that is blank or too long, or say what becomes of it, and that words may be meant as one query."""
    from ..search import MAX_QUERY_CHARACTERS  # not for --help

    for number, query in enumerate(queries, start=1):
        name = "the query" if len(queries) == 1 else f"query {number}"
        if not query.strip():
            raise ArgumentError(f"{name} is blank; give it words to search for")
        if len(query) > MAX_QUERY_CHARACTERS and policy == "error":
            raise ArgumentError(
                f"{name} ({query[:60]!r}...) has {len(query):,} characters; at most {MAX_QUERY_CHARACTERS:,} are "
                "allowed: shorten it, or give --long-queries cut or --long-queries skip"
            )
        if len(query) > MAX_QUERY_CHARACTERS and policy == "cut":
            sys.stderr.write(
                f"bicross: of the {len(query):,} characters of {name} the first {MAX_QUERY_CHARACTERS:,} are searched\n"
            )
    if len(queries) > 1 and not any(" " in query for query in queries):
        sys.stderr.write(f"bicross: searched as {len(queries)} queries; put quotes around several words of one query\n")


@contextmanager
def _loading(*, shown: bool) -> Generator[None]:
    """Say that models are loaded, if ``shown``."""
    if not shown:
        yield
        return
    from ..progress import doing  # not for --help

    with doing("Loading the models", shown=True):
        yield


def _rerank_k(value: str | None) -> int | Literal["auto"] | None:
    if value is None or value == "auto":
        return value
    try:
        return int(value)
    except ValueError:
        raise ArgumentError(f"--rerank-k takes a whole number or auto, not {value!r}") from None


def _lines(file: str) -> Iterator[str]:
    """Yield the lines of a file that are not blank."""
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
