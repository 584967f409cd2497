"""The command ``bicross train fast-reranker``."""

from pathlib import Path
from typing import Annotated

import typer

from ....models import DEFAULT_ENCODER
from ....training import LateInteractionMethod, TrainingSettings
from ....training.rerankers import Sampling
from ...training import RerankerData
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

_DEFAULTS = LateInteractionMethod()


@with_option_records
def train_fast_reranker_command(
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
    model: Annotated[str, typer.Option(help="The encoder whose early states are projected.")] = DEFAULT_ENCODER,
    layer: Annotated[int, typer.Option(min=1, help="How many of its first layers run.")] = _DEFAULTS.layer,
    dim: Annotated[int, typer.Option(min=1, max=1024, help="The length of a token vector, in bytes.")] = _DEFAULTS.dim,
    encoder: Annotated[
        str | None, typer.Option(help="First-stage encoder. Default: that of --index, or the default encoder.")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="First-stage candidates per query, the source of negatives.")] = 50,
    negatives: Annotated[int, typer.Option(min=1, help="Negatives of a list in a step.")] = 15,
    graded: Annotated[bool, typer.Option("--graded", help="Weight relevant passages by 2^grade - 1.")] = False,
    prior_weight: Annotated[
        float, typer.Option(help="Weight of the first-stage scores that are added to the model's.")
    ] = _DEFAULTS.prior_weight,
    learning_rate: Annotated[float, typer.Option(help="Learning rate.")] = 5e-4,
    schedule: RunOptionValues,
    lists_per_step: ListsPerStep = 8,
    evaluate_every: EvaluateEvery = 200,
    max_length: Annotated[int, typer.Option(min=8, help="Maximum tokens of a query or a passage.")] = 256,
    as_json: AsJson = False,
) -> None:
    """Train a late-interaction reranker, whose passages an index can hold as vectors of their tokens.

    A training that was stopped begins again when you run the same command, with the lists and states that it made.

    Example: bicross train fast-reranker scifact --split train -o my-fast-reranker
    """
    options = locals()
    from ...training import reranker_record, reranker_summary, train_fast_reranker_on  # imports torch, which is slow

    with saying_what_is_kept(output):
        trained = train_fast_reranker_on(
            from_options(RerankerData, options, pseudo_queries=data.query_kinds),
            from_options(TrainingSettings, options),
            model=model,
            method=from_options(
                LateInteractionMethod, options, sampling=Sampling(hard=0, other=negatives, hard_depth=0)
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
