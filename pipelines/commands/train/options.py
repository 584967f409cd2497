"""The options that the training commands share, and the code from their options to their output."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from ....training import CHECKPOINTS, TrainingDtype, is_main_process
from ...training import PSEUDO_QUERY_KINDS, PseudoQueryKind
from ..options import Device
from ..output import print_json
from ..terminal import plain, saying

ModelOutput = Annotated[
    Path, typer.Option("-o", "--output", help="The folder of the trained model. Run the same command again to resume.")
]
ListsPerStep = Annotated[int, typer.Option(min=1, help="Training lists in a step, on each GPU.")]
EvaluateEvery = Annotated[int, typer.Option(min=1, help="Steps between evaluations; each writes a checkpoint.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptionValues:
    """The options of training data that rerankers and encoders share, each as Typer reads it."""

    pseudo_queries: Annotated[
        bool,
        typer.Option(
            "--pseudo-queries", help="Learn from pseudo-queries: titles, headings, sentences of the documents."
        ),
    ] = False
    own_text: Annotated[bool, typer.Option("--own-text", hidden=True, help="The former name of --pseudo-queries.")] = (
        False
    )
    split: Annotated[str, typer.Option(help="The judgments of a BEIR folder to learn from.")] = "train"
    dev_split: Annotated[str | None, typer.Option(help="The judgments to evaluate on. Default: a part of --split.")] = (
        None
    )
    held_out: Annotated[float, typer.Option(help="Share of the queries that is held out for evaluation.")] = 0.1
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum queries, drawn at random.")] = None
    index: Annotated[Path | None, typer.Option(help="The index to take candidates from. Default: a temporary one.")] = (
        None
    )
    margin: Annotated[
        float | None,
        typer.Option(
            help="Drop negatives whose cosine is above this share of the best relevant passage's, as in 0.95."
        ),
    ] = None
    filter_with: Annotated[
        str | None,
        typer.Option(
            help="Consistency filtering: keep a pseudo-query if this reranker ranks its passage in the top 3; drop "
            "negatives that it scores above the best relevant passage."
        ),
    ] = None
    skip_errors: Annotated[
        bool,
        typer.Option(
            "--skip-errors", help="Leave bad rows and files of the documents out, and list them, instead of stopping."
        ),
    ] = False
    errors: Annotated[Path, typer.Option(help="Where --skip-errors lists them.")] = Path("errors.jsonl")

    @property
    def query_kinds(self) -> tuple[PseudoQueryKind, ...]:
        """The kinds of pseudo-queries to learn from; none means judged queries."""
        return PSEUDO_QUERY_KINDS if self.pseudo_queries or self.own_text else ()

    @property
    def list_of_errors(self) -> Path | None:
        """The list of what is bad; None where errors stop the command."""
        return self.errors if self.skip_errors else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptionValues:
    """The options of a training run that rerankers and encoders share, each as Typer reads it."""

    epochs: Annotated[float, typer.Option(help="How often each training list is used.")] = 1.0
    max_steps: Annotated[int | None, typer.Option("--steps", min=1, help="Maximum steps; overrides --epochs.")] = None
    patience: Annotated[int, typer.Option(min=1, help="Stop after this many evaluations without a gain.")] = 5
    seed: Seed = 0
    dtype: Annotated[
        TrainingDtype, typer.Option(help="Number format; bfloat16 is faster if the hardware supports it.")
    ] = "float32"
    device: Device = None


Record = TypeVar("Record")


def from_options(record: type[Record], options: Mapping[str, Any], **others: object) -> Record:
    """Make a record from the options of a command that have the names of its fields.

    Args:
        record: A dataclass.
        options: The parameters of the command by name; those of a record count by the names of its fields.
        others: Fields whose value is not that of an option.
    """
    values = dict(options)
    for value in options.values():
        if is_dataclass(value):
            values |= {field.name: getattr(value, field.name) for field in fields(value)}
    names = {field.name for field in fields(record)} & values.keys() - others.keys()  # pyright: ignore[reportArgumentType]
    return record(**{name: values[name] for name in names}, **others)


def saying_what_is_kept(output: Path) -> AbstractContextManager[None]:
    """Run a training in a block; if an interrupt ends it, the command prints what the output folder keeps."""

    def message() -> str:
        from ....training import newest_checkpoint  # imports torch, which takes seconds

        newest = newest_checkpoint(output / CHECKPOINTS)
        if newest is None:
            return f"{output} has no checkpoint yet. Run the same command again to start again."
        step = newest.name.partition("-")[2]
        return f"{output} keeps the checkpoint of step {step}. Run the same command again to resume."

    return saying(message)


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
