"""The command that trains a bi-encoder. Knows how to ask and how to show, not how it is done."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ....retrieval import DEFAULT_ENCODER
from ....training import TrainingSettings, is_main_process
from ....training.encoders import EncoderLoss, EncoderObjective
from ...training import PSEUDO_QUERY_KINDS, encoder_record, encoder_summary
from ..options import AsJson, Device
from ..output import plain, print_json
from .options import (
    DevSplit,
    EvaluateEvery,
    HeldOutShare,
    Limit,
    ListsPerStep,
    Margin,
    ModelOutput,
    OwnText,
    Patience,
    PseudoQueries,
    Seed,
    Split,
    Steps,
    TrainingPrecision,
)


def train_encoder_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A BEIR folder, or a .jsonl or .tsv file of pairs or triples; with --pseudo-queries and --distil-from "
            "an index, or any collection of documents.",
        ),
    ],
    *,
    output: ModelOutput,
    pseudo_queries: PseudoQueries = False,
    own_text: OwnText = False,
    distil_from: Annotated[
        str | None, typer.Option(help="Learn this reranker's scores, for --queries that nobody judged.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="One a line, or with ids: JSON Lines, TSV, TREC's <top>.")
    ] = None,
    split: Split = "train",
    dev_split: DevSplit = None,
    held_out: HeldOutShare = 0.1,
    limit: Limit = None,
    model: Annotated[str, typer.Option(help="What to start from: a hub id or a folder.")] = DEFAULT_ENCODER,
    index: Annotated[Path | None, typer.Option(help="Take candidates from this index; default: one is made.")] = None,
    depth: Annotated[int, typer.Option(min=2, help="Candidates of stage one for each query.")] = 20,
    margin: Margin = None,
    filter_with: Annotated[
        str | None,
        typer.Option(
            help="Consistency filtering: keep a pseudo-query if this reranker ranks its passage in the top 3; drop "
            "negatives that it scores above the best relevant passage."
        ),
    ] = None,
    loss: Annotated[
        EncoderLoss | None, typer.Option(help="Default: multiple-negatives, and kl with --distil-from.")
    ] = None,
    passages: Annotated[int, typer.Option(min=1, help="Read of each list in a step, the best one among them.")] = 4,
    mini_batch: Annotated[
        int | None, typer.Option(min=1, help="Texts in memory at a time, for steps of many lists; default: all.")
    ] = None,
    average: Annotated[
        float | None,
        typer.Option(
            help="Weight averaging (WiSE-FT): the saved model is this share of the trained weights plus the rest of "
            "the original ones. Default: 0.25 with --pseudo-queries or --distil-from, else 1. Use 1 for a new model."
        ),
    ] = None,
    learning_rate: Annotated[float, typer.Option()] = 2e-5,
    epochs: Annotated[float, typer.Option(help="How often each list is read.")] = 1.0,
    steps: Steps = None,
    lists_per_step: ListsPerStep = 32,
    evaluate_every: EvaluateEvery = 100,
    patience: Patience = 5,
    max_length: Annotated[int, typer.Option(min=8, help="Tokens of a text that are read while training.")] = 256,
    seed: Seed = 0,
    dtype: TrainingPrecision = "float32",
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Train a bi-encoder on judged queries, on pseudo-queries from the documents, or on a reranker's scores.

    Cut off, even by a kill, the same command goes on where it was.

    Example: bicross train encoder my-index --distil-from bicross-rerank-mini --queries queries.txt -o my-encoder
    """
    from ...training import EncoderData, default_objective, train_encoder_on  # torch comes with it, in seconds

    data = EncoderData(
        source=source,
        pseudo_queries=PSEUDO_QUERY_KINDS if pseudo_queries or own_text else (),
        teacher=distil_from,
        queries=queries,
        split=split,
        dev_split=dev_split,
        held_out=held_out,
        limit=limit,
        index=index,
        depth=depth,
        margin=margin,
        filter_with=filter_with,
    )
    default = default_objective(data)
    trained = train_encoder_on(
        data,
        TrainingSettings(
            output=output,
            learning_rate=learning_rate,
            epochs=epochs,
            max_steps=steps,
            lists_per_step=lists_per_step,
            evaluate_every=evaluate_every,
            patience=patience,
            seed=seed,
            dtype=dtype,
            device=device,
            max_length=max_length,
        ),
        model=model,
        objective=EncoderObjective(
            loss=loss or default.loss,
            passages=passages,
            mini_batch=mini_batch,
            average=default.average if average is None else average,
        ),
        command=shlex.join(["bicross", *sys.argv[1:]]),
        progress=not as_json and sys.stderr.isatty(),
    )
    if not is_main_process():
        return
    if as_json:
        print_json(encoder_record(str(output), trained))
        return
    console = Console()
    for line in encoder_summary(str(output), trained):
        console.print(plain(line), soft_wrap=True)
