"""The command ``bicross train exits``."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ....errors.counts import counted
from ....index import Index
from ....inference import write_exits
from ....rerank import CrossEncoderReranker
from ....training import prepare_output_folder, require_output_folder
from ....training.rerankers import ExitSettings, train_exits
from ...lines import text_lines
from ...models import open_retriever, require_one_device
from ...search import MAX_QUERY_CHARACTERS, check_queries, read_layers, too_long
from ...training import EXIT_PASSAGES, exit_lists
from ..options import AsJson, Device, IndexEncoder, IndexPath, Precision
from ..output import print_json
from ..terminal import saying
from .options import Seed


def train_exits_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The reranker: a folder, a hub id or a bundled name.")],
    path: IndexPath,
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="A file of queries, one per line, without judgments.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Write a copy of the model with the exits here. Default: add them to MODEL."
        ),
    ] = None,
    layers: Annotated[str, typer.Option(help="The layers after which a cascade can stop.", metavar="N[,N...]")] = "3,4",
    passages: Annotated[int, typer.Option(min=2, help="Candidates per query to learn from.")] = EXIT_PASSAGES,
    seed: Seed = 0,
    encoder: IndexEncoder = None,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Train exit heads: they predict a reranker's score after early layers, where --cascade drops candidates.

    Example: bicross train exits my-reranker my-index queries.txt --layers 3,4
    """
    require_one_device(device)
    settings = ExitSettings(layers=read_layers(layers), seed=seed)
    text_of_line = {number: line.strip() for number, line in text_lines(queries)}
    texts = list(text_of_line.values())
    check_queries(texts, any_length=True)
    source = require_output_folder(model, output)  # the copy is made last: an interrupt leaves nothing half done
    retriever = open_retriever(Index.open(path), encoder, device=device)
    with saying(lambda: f"No exits were written to {output or source}: run the same command again."):
        reranker = CrossEncoderReranker(source, device=device, dtype=dtype)
        lines = list(text_of_line)
        cut = [lines[row] for row in too_long(texts, reranker)]
        fitting = [text[:MAX_QUERY_CHARACTERS] for text in texts]
        lists = exit_lists(retriever, fitting, passages=passages, seed=seed)
        trained = train_exits(reranker.cutting_queries(), lists, settings)
    folder = prepare_output_folder(model, output)
    write_exits(folder, {layer: exit_.head for layer, exit_ in trained.items()})
    correlations = {layer: exit_.correlation for layer, exit_ in trained.items()}
    if as_json:
        print_json({"path": str(folder), "queries": len(texts), "queries_cut": cut, "correlations": correlations})
        return
    console = Console(file=sys.stdout)
    taught = counted(len(texts), "query", "queries")
    shortened = f"; {_too_long(len(cut))}" if cut else ""
    console.print(
        f"Trained exit heads of {folder} on {taught}{shortened}",
        markup=False,
        soft_wrap=True,
    )
    for layer, correlation in correlations.items():
        console.print(f"after layer {layer}: correlation with the full model {correlation:.3f}", markup=False)


def _too_long(count: int) -> str:
    return f"{counted(count, 'query is', 'queries are')} too long for the reranker, and cut"
