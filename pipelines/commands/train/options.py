"""The options that the training commands share, and the code from their options to their output."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from ....training import TrainingDtype, is_main_process
from ..output import plain, print_json

ModelOutput = Annotated[
    Path, typer.Option("-o", "--output", help="The folder of the trained model. Run the same command again to resume.")
]
PseudoQueries = Annotated[
    bool,
    typer.Option("--pseudo-queries", help="Learn from pseudo-queries: titles, headings, sentences of the documents."),
]
OwnText = Annotated[bool, typer.Option("--own-text", hidden=True, help="The former name of --pseudo-queries.")]
Split = Annotated[str, typer.Option(help="The judgments of a BEIR folder to learn from.")]
DevSplit = Annotated[str | None, typer.Option(help="The judgments to evaluate on. Default: a part of --split.")]
HeldOutShare = Annotated[float, typer.Option(help="Share of the queries that is held out for evaluation.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Maximum queries, drawn at random.")]
CandidateIndex = Annotated[
    Path | None, typer.Option(help="The index to take candidates from. Default: a temporary one.")
]
Margin = Annotated[
    float | None,
    typer.Option(help="Drop negatives whose cosine is above this share of the best relevant passage's, as in 0.95."),
]
FilterWith = Annotated[
    str | None,
    typer.Option(
        help="Consistency filtering: keep a pseudo-query if this reranker ranks its passage in the top 3; drop "
        "negatives that it scores above the best relevant passage."
    ),
]
Epochs = Annotated[float, typer.Option(help="How often each training list is used.")]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Maximum steps; overrides --epochs.")]
ListsPerStep = Annotated[int, typer.Option(min=1, help="Training lists in a step, on each GPU.")]
EvaluateEvery = Annotated[int, typer.Option(min=1, help="Steps between evaluations; each writes a checkpoint.")]
Patience = Annotated[int, typer.Option(min=1, help="Stop after this many evaluations without a gain.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
TrainingPrecision = Annotated[
    TrainingDtype, typer.Option(help="Number format; bfloat16 is faster if the hardware supports it.")
]

Record = TypeVar("Record")


def from_options(record: type[Record], options: Mapping[str, Any], **others: object) -> Record:
    """Make a record from the options of a command that have the names of its fields.

    Typer takes every option as a parameter of its own, and a command has some thirty of them.

    Args:
        record: A dataclass.
        options: The parameters of the command by name.
        others: Fields whose value is not that of an option.
    """
    names = {field.name for field in fields(record)} & options.keys() - others.keys()  # pyright: ignore[reportArgumentType]
    return record(**{name: options[name] for name in names}, **others)


def run_options(*, as_json: bool) -> dict[str, Any]:
    """Return the command line, for the model card, and whether to show progress."""
    return {"command": shlex.join(["bicross", *sys.argv[1:]]), "progress": not as_json and sys.stderr.isatty()}


def show_result(record: Mapping[str, object], summary: Iterable[str], *, as_json: bool) -> None:
    """Print the result of a training, in the main process: the record as JSON, or the lines of the summary."""
    if not is_main_process():
        return
    if as_json:
        print_json(record)
        return
    console = Console()
    for line in summary:
        console.print(plain(line), soft_wrap=True)
