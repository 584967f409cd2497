"""The command that makes a light bi-encoder of a cross-encoder. Knows how to ask and show, not how it is done."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ....retrieval import EarlyPooling, write_early_layers
from ..options import AsJson
from ..output import plain, print_json


def early_layers_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A cross-encoder: hub id, folder or bundled name.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder of the new model.")],
    layers: Annotated[int, typer.Option(help="How many of the first layers to keep.")] = 2,
    pooling: Annotated[EarlyPooling, typer.Option(help="What becomes a text's vector.")] = "mean",
    max_length: Annotated[int | None, typer.Option(help="Tokens of a text that it reads at most.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a light bi-encoder of the first layers of a cross-encoder, to be trained: until then it finds little.

    Example: bicross train early-layers bicross-rerank-mini -o light --layers 2
    """
    folder = write_early_layers(model, output, layers=layers, pooling=pooling, max_length=max_length)
    if as_json:
        print_json({"model": model, "folder": str(folder), "layers": layers, "pooling": pooling})
        return
    Console().print(
        plain(
            f"{folder} holds the first {layers} layers of {model}: train it by `bicross train encoder`, with "
            f"--model {folder} and --average 1, and name what comes of it as --encoder"
        ),
        soft_wrap=True,
    )
