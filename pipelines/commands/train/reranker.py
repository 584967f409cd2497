"""The command ``bicross train reranker``."""

from pathlib import Path
from typing import Annotated

import typer

from ....rerank import DEFAULT_RERANKER
from ....training import RerankerMethod, TrainingSettings
from ....training.rerankers import LoraSettings, LossName, Sampling
from ...search import read_layers
from ...training import RerankerData
from ..options import AsJson
from ..source_summary import left_out_lines, source_record
from ..terminal import CommandGroup, with_option_records
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

LORA_RATE, FULL_RATE = 8e-4, 5e-5
"""Learning rates that suit LoRA and the training of all parameters."""
_HARD_SHARE = 0.6

train_app = CommandGroup(help="Train models for your own collection.", no_args_is_help=True, rich_markup_mode=None)


@train_app.command("reranker")
@with_option_records
def train_reranker_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A BEIR folder, or a .jsonl, .json, .tsv or .csv file of pairs or triples. With --pseudo-queries an "
            "index, or any collection of documents.",
        ),
    ],
    *,
    output: ModelOutput,
    data: DataOptionValues,
    model: Annotated[str, typer.Option(help="The model to start from: a cross-encoder or an encoder.")] = (
        DEFAULT_RERANKER
    ),
    encoder: Annotated[
        str | None, typer.Option(help="First-stage encoder. Default: that of --index, or the default encoder.")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="First-stage candidates per query, the source of negatives.")] = 50,
    negatives: Annotated[
        int, typer.Option(min=1, help="Negatives of a list in a step; three in five come from the top 15.")
    ] = 5,
    positives: Annotated[int, typer.Option(min=1, help="Maximum relevant passages of a list in a step.")] = 1,
    loss: Annotated[LossName, typer.Option(help="Loss function; margin-mse needs --teacher.")] = "listwise",
    teacher: Annotated[str | None, typer.Option(help="A reranker whose scores are learned.")] = None,
    graded: Annotated[
        bool, typer.Option("--graded", help="Listwise loss: weight relevant passages by 2^grade - 1.")
    ] = False,
    prior_weight: Annotated[
        float, typer.Option(help="Listwise loss: weight of the first-stage scores that are added to the model's.")
    ] = 0.0,
    exits: Annotated[
        str | None,
        typer.Option(help="Listwise loss: also train exits after these layers, for --cascade.", metavar="N[,N...]"),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Train all parameters instead of LoRA adapters.")] = False,
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank.")] = LoraSettings().rank,
    learning_rate: Annotated[
        float | None, typer.Option(help=f"Learning rate. Default: {LORA_RATE:g}, or {FULL_RATE:g} with --full.")
    ] = None,
    schedule: RunOptionValues,
    lists_per_step: ListsPerStep = 8,
    evaluate_every: EvaluateEvery = 200,
    max_length: Annotated[int, typer.Option(min=8, help="Maximum tokens of a pair in training.")] = 256,
    as_json: AsJson = False,
) -> None:
    """Train a reranker on judged queries or on pseudo-queries from the documents, with hard negatives.

    A training that was stopped, even by a kill, resumes when you run the same command again.

    Example: bicross train reranker scifact --split train -o my-reranker
    """
    options = locals()
    from ...training import reranker_record, reranker_summary, train_reranker_on  # imports torch, which takes seconds

    hard = max(1, round(_HARD_SHARE * negatives))
    with saying_what_is_kept(output):
        trained = train_reranker_on(
            from_options(RerankerData, options, pseudo_queries=data.query_kinds),
            from_options(TrainingSettings, options, learning_rate=learning_rate or (FULL_RATE if full else LORA_RATE)),
            model=model,
            method=from_options(
                RerankerMethod,
                options,
                lora=None if full else LoraSettings(rank),
                exits=read_layers(exits),
                sampling=Sampling(positives=positives, hard=hard, other=negatives - hard),
            ),
            **run_options(as_json=as_json),
        )
    queries = {"training_lists": trained.training_lists, "held_out_queries": trained.held_out_queries}
    show_result(
        reranker_record(str(output), queries, trained.record) | source_record(trained.source),
        [
            *reranker_summary(str(output), trained.held_out_queries, trained.record),
            *left_out_lines(trained.source, data.list_of_errors),
        ],
        as_json=as_json,
    )
