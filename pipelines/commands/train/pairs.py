"""The command ``bicross train pairs``."""

from pathlib import Path
from typing import Annotated

import typer

from ....errors import ArgumentError
from ....rerank import DEFAULT_RERANKER
from ....training import LoraSettings, TrainingSettings
from ....training.pairs import PairTask
from ...training.pair_tasks import PairData
from ..options import AsJson
from ..terminal import with_option_records
from .options import (
    EvaluateEvery,
    ModelOutput,
    RunOptionValues,
    from_options,
    run_options,
    saying_what_is_kept,
    show_result,
)

LORA_RATE, FULL_RATE = 8e-4, 1e-4
"""Learning rates that suit LoRA and the training of all parameters."""


@with_option_records
def train_pairs_command(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A .jsonl, .json, .tsv or .csv file of pairs with labels.")
    ],
    *,
    output: ModelOutput,
    task: Annotated[
        PairTask,
        typer.Option(help="What is learned: a number for each pair, yes or no, or one of several labels."),
    ] = "similarity",
    model: Annotated[str, typer.Option(help="The model to start from: a cross-encoder or an encoder.")] = (
        DEFAULT_RERANKER
    ),
    dev: Annotated[Path | None, typer.Option(help="A file to evaluate on. Default: a part of SOURCE.")] = None,
    held_out: Annotated[float, typer.Option(help="Share of the pairs that is held out without --dev.")] = 0.1,
    limit: Annotated[int | None, typer.Option(min=2, help="Maximum training pairs, drawn at random.")] = None,
    first_column: Annotated[
        str | None, typer.Option(help="Where the first text stands; default: sentence1, text1, premise, ...")
    ] = None,
    second_column: Annotated[
        str | None, typer.Option(help="Where the second text stands; default: sentence2, text2, hypothesis, ...")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Where the label stands; default: label, score, is_duplicate, ...")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option("--range", help="Similarity: the lowest and the highest label. Default: 0:1.", metavar="LOW:HIGH"),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Entailment: the labels, in the order of their numbers. Default: those of the file.",
            metavar="LABEL[,LABEL]...",
        ),
    ] = None,
    lora: Annotated[bool, typer.Option("--lora", help="Train LoRA adapters instead of all parameters.")] = False,
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank.")] = LoraSettings().rank,
    learning_rate: Annotated[
        float | None, typer.Option(help=f"Learning rate. Default: {FULL_RATE:g}, or {LORA_RATE:g} with --lora.")
    ] = None,
    schedule: RunOptionValues,
    pairs_per_step: Annotated[int, typer.Option(min=1, help="Pairs in a step, on each GPU.")] = 32,
    evaluate_every: EvaluateEvery = 100,
    max_length: Annotated[int, typer.Option(min=8, help="Maximum tokens of a pair in training.")] = 128,
    as_json: AsJson = False,
) -> None:
    """Train a model that compares two texts: similarity, paraphrase or entailment.

    A training that was stopped, even by a kill, resumes when you run the same command again.

    Example: bicross train pairs pairs.jsonl --task similarity --range 0:5 --epochs 4 -o my-similarity
    """
    options = locals()
    names = None if labels is None else tuple(name.strip() for name in labels.split(","))
    data = from_options(PairData, options, range=_range(scale), labels=names)
    rate = learning_rate or (LORA_RATE if lora else FULL_RATE)
    settings = from_options(TrainingSettings, options, learning_rate=rate, lists_per_step=pairs_per_step)
    from ...training.pair_tasks import train_pairs_on  # imports torch, which takes seconds

    with saying_what_is_kept(output):
        trained = train_pairs_on(
            data, settings, model=model, lora=LoraSettings(rank) if lora else None, **run_options(as_json=as_json)
        )
    show_result(trained.to_dict(), trained.summary(), as_json=as_json)


def _range(text: str | None) -> tuple[float, float]:
    if text is None:
        return 0.0, 1.0
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise ArgumentError(f"--range takes the lowest and the highest label, as in 0:5, not {text!r}") from None
