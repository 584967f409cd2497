"""The command ``bicross score``."""

from typing import Annotated

import typer
from rich.console import Console

from ....inference import Dtype
from ....rerank import DEFAULT_SIMILARITY, PairScorer
from ...training.pair_files import PairColumns
from ..options import AsJson, Device, ModelName
from ..output import print_json
from ..terminal import part_written, plain, saying
from .cut_texts import CutTexts
from .options import FirstColumn, Format, SecondColumn, in_parts, pairs_of


@saying(part_written)
def score_command(
    source: Annotated[
        str, typer.Argument(metavar="[SOURCE]", help="A file of pairs; - is standard input, and the default.")
    ] = "-",
    *,
    model: ModelName = DEFAULT_SIMILARITY,
    label: Annotated[
        str | None, typer.Option(help="Of a model with several labels, the one whose probability is the score.")
    ] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Score both orders of a pair, and take the mean of the outputs.")
    ] = False,
    first_column: FirstColumn = None,
    second_column: SecondColumn = None,
    format: Format = None,  # noqa: A002 - the word that every user knows
    device: Device = None,
    dtype: Annotated[Dtype, typer.Option(help="What the model calculates in.")] = "float32",
    as_json: AsJson = False,
) -> None:
    """Score pairs of texts: how similar they are, or how probable a label is.

    Prints a line for each pair: its score from 0 to 1, and both texts.

    Example: bicross score pairs.csv --json
    """
    parts = in_parts(pairs_of(source, PairColumns(first_column, second_column), format))
    scorer = PairScorer(model, device=device, dtype=dtype, label=label, symmetric=symmetric)
    console, cut_texts = Console(), CutTexts(scorer, "pair")
    for part in parts:
        texts = [(pair.first, pair.second) for pair in part]
        cut = cut_texts.of([[pair] for pair in texts])
        for (first, second), score, is_cut in zip(texts, scorer.score(texts).tolist(), cut, strict=True):
            if as_json:
                print_json({"first": first, "second": second, "score": score, "is_cut": is_cut})
            else:
                console.print(plain(f"{score:.4f}  {first} | {second}"), soft_wrap=True)
    cut_texts.say()
