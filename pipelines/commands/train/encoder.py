"""The command ``bicross train encoder``."""

from pathlib import Path
from typing import Annotated

import typer

from ....retrieval import DEFAULT_ENCODER
from ....training import EncoderObjective, TrainingSettings
from ....training.encoders import EncoderLoss
from ...training import EncoderData
from ..options import AsJson
from ..source_summary import left_out_lines, source_record
from ..terminal import with_option_records
from .options import (
    DataOptionValues,
    EvaluateEvery,
    ListsPerStep,
    ModelOutput,
    RunOptionValues,
    from_options,
    run_options,
    saying_what_is_kept,
    show_result,
)


@with_option_records
def train_encoder_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A BEIR folder, or a .jsonl, .json, .tsv or .csv file of pairs or triples. With --pseudo-queries or "
            "--distil-from an index, or any collection of documents.",
        ),
    ],
    *,
    output: ModelOutput,
    data: DataOptionValues,
    distil_from: Annotated[
        str | None, typer.Option(help="Distillation: learn this reranker's scores for --queries.")
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="Queries without judgments: one per line, or JSON Lines, TSV, or TREC topics with ids."),
    ] = None,
    model: Annotated[str, typer.Option(help="The model to start from: a hub id or a folder.")] = DEFAULT_ENCODER,
    depth: Annotated[int, typer.Option(min=2, help="First-stage candidates per query.")] = 20,
    loss: Annotated[
        EncoderLoss | None,
        typer.Option(help="Loss function. Default: multiple-negatives, or kl with --distil-from."),
    ] = None,
    passages: Annotated[int, typer.Option(min=1, help="Passages of a list in a step, with the best one.")] = 4,
    mini_batch: Annotated[
        int | None, typer.Option(min=1, help="Texts in memory at a time, for steps of many lists. Default: all.")
    ] = None,
    average: Annotated[
        float | None,
        typer.Option(
            help="Weight averaging (WiSE-FT): the saved model is this share of the trained weights plus the rest of "
            "the original ones. Default: 0.25 with --pseudo-queries or --distil-from, else 1. Use 1 for a new model."
        ),
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Learning rate.")] = 2e-5,
    schedule: RunOptionValues,
    lists_per_step: ListsPerStep = 32,
    evaluate_every: EvaluateEvery = 100,
    max_length: Annotated[int, typer.Option(min=8, help="Maximum tokens of a text in training.")] = 256,
    as_json: AsJson = False,
) -> None:
    """Train a bi-encoder on judged queries, on pseudo-queries from the documents, or on a reranker's scores.

    A training that was stopped, even by a kill, resumes when you run the same command again.

    Example: bicross train encoder my-index --distil-from bicross-rerank-mini --queries queries.txt -o my-encoder
    """
    options = locals()
    from ...training import (  # imports torch, which takes seconds
        default_objective,
        encoder_record,
        encoder_summary,
        train_encoder_on,
    )

    training_data = from_options(EncoderData, options, pseudo_queries=data.query_kinds, teacher=distil_from)
    default = default_objective(training_data)
    with saying_what_is_kept(output):
        trained = train_encoder_on(
            training_data,
            from_options(TrainingSettings, options),
            model=model,
            objective=from_options(
                EncoderObjective,
                options,
                loss=loss or default.loss,
                average=default.average if average is None else average,
            ),
            **run_options(as_json=as_json),
        )
    show_result(
        encoder_record(str(output), trained) | source_record(trained.source),
        [*encoder_summary(str(output), trained), *left_out_lines(trained.source, data.list_of_errors)],
        as_json=as_json,
    )
