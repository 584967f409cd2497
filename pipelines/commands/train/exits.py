"""The command that trains exits. Knows how to ask and how to show, not how it is done."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ....index import Index
from ....inference import write_exits
from ....rerank import CrossEncoderReranker
from ....training.rerankers import ExitSettings, train_exits
from ...lines import text_lines
from ...models import open_retriever, require_one_device
from ...search import check_queries, read_layers
from ...training import EXIT_PASSAGES, exit_lists, prepare_output_folder
from ..options import AsJson, Device, IndexEncoder, IndexPath, Precision
from ..output import print_json


def train_exits_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The reranker: a folder, a hub id or a bundled name.")],
    path: IndexPath,
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="A file of queries, one a line, without judgments.")
    ],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write a copy of the model with exits here; else into MODEL.")
    ] = None,
    layers: Annotated[str, typer.Option(help="After which layers reading may stop.", metavar="N[,N...]")] = "3,4",
    passages: Annotated[int, typer.Option(min=2, help="Candidates to learn from, of each query.")] = EXIT_PASSAGES,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    encoder: IndexEncoder = None,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Teach early layers of a reranker what its last one says, so that a search can stop reading most candidates there.

    Example: bicross train exits my-reranker my-index queries.txt --layers 3,4
    """
    require_one_device(device)
    settings = ExitSettings(layers=read_layers(layers), seed=seed)
    asked = [line.strip() for _, line in text_lines(queries)]
    check_queries(asked)
    retriever = open_retriever(Index.open(path), encoder, device=device)
    place = prepare_output_folder(model, output)
    reranker = CrossEncoderReranker(place, device=device, dtype=dtype)
    found = train_exits(reranker, exit_lists(retriever, asked, passages=passages, seed=seed), settings)
    write_exits(place, {layer: exit_.head for layer, exit_ in found.items()})
    record = {layer: exit_.correlation for layer, exit_ in found.items()}
    if as_json:
        print_json({"path": str(place), "queries": len(asked), "correlations": record})
        return
    console = Console(file=sys.stdout)
    console.print(f"Wrote exits of {place}, learned from {len(asked):,} queries", markup=False, soft_wrap=True)
    for layer, correlation in record.items():
        console.print(f"after layer {layer}: correlation with the whole model {correlation:.3f}", markup=False)
