"""The command ``bicross train early-layers``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ....retrieval import EarlyPooling, write_early_layers
from ..options import AsJson
from ..output import print_json
from ..terminal import plain


def early_layers_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A cross-encoder: hub id, folder or bundled name.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder of the new bi-encoder.")],
    layers: Annotated[int, typer.Option(help="Number of layers to keep, counted from the first.")] = 2,
    pooling: Annotated[EarlyPooling, typer.Option(help="How token vectors become the vector of a text.")] = "mean",
    max_length: Annotated[
        int | None, typer.Option(help="Maximum tokens of a text. Default: that of the cross-encoder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a small bi-encoder from the first layers of a cross-encoder. Train it before use: untrained it finds little.

    Example: bicross train early-layers bicross-rerank-mini -o light --layers 2
    """
    folder = write_early_layers(model, output, layers=layers, pooling=pooling, max_length=max_length)
    if as_json:
        print_json({"model": model, "folder": str(folder), "layers": layers, "pooling": pooling})
        return
    kept = "layer" if layers == 1 else f"{layers} layers"
    Console().print(
        plain(
            f"{folder} holds the first {kept} of {model}. Train it with `bicross train encoder "
            f"--model {folder} --average 1`, then pass the trained model as --encoder"
        ),
        soft_wrap=True,
    )
