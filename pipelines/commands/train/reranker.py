"""The commands that train. Know how to ask and how to show, not how it is done."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ....rerank import DEFAULT_RERANKER
from ....training import TrainingSettings, is_main_process
from ....training.rerankers import LoraSettings, LossName, RerankerMethod, Sampling
from ...search import read_layers
from ...training import PSEUDO_QUERY_KINDS, reranker_record, reranker_summary
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

LOW_RANK_RATE, FULL_RATE = 8e-4, 5e-5
"""Learning rates that suit training a few and all of the parameters."""
_HARD_SHARE = 0.6

train_app = typer.Typer(help="Train models for your own collection.", no_args_is_help=True, rich_markup_mode=None)


@train_app.command("reranker")
def train_reranker_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A BEIR folder, or a .jsonl or .tsv file of pairs or triples; with --pseudo-queries an index, or any "
            "collection of documents.",
        ),
    ],
    *,
    output: ModelOutput,
    pseudo_queries: PseudoQueries = False,
    own_text: OwnText = False,
    split: Split = "train",
    dev_split: DevSplit = None,
    held_out: HeldOutShare = 0.1,
    limit: Limit = None,
    model: Annotated[str, typer.Option(help="What to start from: a cross-encoder, or an encoder.")] = DEFAULT_RERANKER,
    index: Annotated[Path | None, typer.Option(help="Take negatives from this index; default: one is made.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Of stage one; default: the index's, or the usual one.")] = None,
    depth: Annotated[int, typer.Option(min=1, help="Candidates of stage one that negatives are drawn from.")] = 50,
    negatives: Annotated[
        int, typer.Option(min=1, help="Read of each list each time, three in five of the top 15.")
    ] = 5,
    positives: Annotated[int, typer.Option(min=1, help="Read of each list each time, at most.")] = 1,
    margin: Margin = None,
    filter_with: Annotated[
        str | None,
        typer.Option(
            help="Consistency filtering: keep a pseudo-query if this reranker ranks its passage in the top 3; drop "
            "negatives that it scores above the best relevant passage."
        ),
    ] = None,
    loss: Annotated[LossName, typer.Option(help="What is minimised; margin-mse takes a --teacher.")] = "listwise",
    teacher: Annotated[str | None, typer.Option(help="A reranker whose scores are learned.")] = None,
    graded: Annotated[bool, typer.Option("--graded", help="Listwise: higher grades weigh more.")] = False,
    prior_weight: Annotated[
        float, typer.Option(help="Listwise: learn what to add to so many times the scores of stage one.")
    ] = 0.0,
    exits: Annotated[
        str | None,
        typer.Option(help="Listwise: also teach these layers, so that a cascade can stop there.", metavar="N[,N...]"),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Train all parameters, not low-rank adapters.")] = False,
    rank: Annotated[int, typer.Option(min=1, help="Of the adapters.")] = LoraSettings().rank,
    learning_rate: Annotated[
        float | None, typer.Option(help=f"Default: {LOW_RANK_RATE:g}, and {FULL_RATE:g} with --full.")
    ] = None,
    epochs: Annotated[float, typer.Option(help="How often each list is drawn.")] = 1.0,
    steps: Steps = None,
    lists_per_step: ListsPerStep = 8,
    evaluate_every: EvaluateEvery = 200,
    patience: Patience = 5,
    max_length: Annotated[int, typer.Option(min=8, help="Tokens of a pair that are read while training.")] = 256,
    seed: Seed = 0,
    dtype: TrainingPrecision = "float32",
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Train a reranker on judged queries or on pseudo-queries from the documents, with hard negatives.

    Cut off, even by a kill, the same command goes on where it was.

    Example: bicross train reranker scifact --split train -o my-reranker
    """
    from ...training import RerankerData, train_reranker_on  # with it comes torch, which takes seconds

    hard = max(1, round(_HARD_SHARE * negatives))
    trained = train_reranker_on(
        RerankerData(
            source=source,
            pseudo_queries=PSEUDO_QUERY_KINDS if pseudo_queries or own_text else (),
            split=split,
            dev_split=dev_split,
            held_out=held_out,
            limit=limit,
            index=index,
            encoder=encoder,
            depth=depth,
            margin=margin,
            filter_with=filter_with,
            teacher=teacher,
        ),
        TrainingSettings(
            output=output,
            learning_rate=learning_rate or (FULL_RATE if full else LOW_RANK_RATE),
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
        method=RerankerMethod(
            loss=loss,
            lora=None if full else LoraSettings(rank),
            graded=graded,
            prior_weight=prior_weight,
            exits=read_layers(exits),
            sampling=Sampling(positives=positives, hard=hard, other=negatives - hard),
        ),
        command=shlex.join(["bicross", *sys.argv[1:]]),
        progress=not as_json and sys.stderr.isatty(),
    )
    if not is_main_process():
        return
    if as_json:
        counted = {"training_lists": trained.training_lists, "held_out_queries": trained.held_out_queries}
        print_json(reranker_record(str(output), counted, trained.record))
        return
    console = Console()
    for line in reranker_summary(str(output), trained.held_out_queries, trained.record):
        console.print(plain(line), soft_wrap=True)
