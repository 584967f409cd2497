"""The command that tunes. Knows how to ask and how to show, not how it is done."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ...errors import ArgumentError
from ...index import Index
from ...rerank import DEFAULT_RERANKER
from ..evaluation import read_judged
from ..models import open_encoder, open_reranker, require_one_device
from ..tuning import TuningOptions, milliseconds, tune
from .options import AsJson, Device, IndexEncoder, IndexPath, JudgedSource, ModelName, Precision, QrelsFile, Topics
from .output import plain, print_json
from .reports import plot_tuning, require_plots, tuning_record, tuning_tables

Method = Literal["platt", "isotonic"]


def tune_command(
    path: IndexPath,
    source: JudgedSource = None,
    *,
    split: Annotated[
        str, typer.Option(help="Which judgments of a BEIR folder; not those that you are going to report.")
    ] = "train",
    topics: Topics = None,
    qrels: QrelsFile = None,
    queries: Annotated[int | None, typer.Option(help="Take so many of the judged queries, drawn by --seed.")] = None,
    latency_budget: Annotated[
        str | None, typer.Option(help="What 95 of 100 searches may take, as in 300ms.", metavar="TIME")
    ] = None,
    latency_queries: Annotated[int, typer.Option(min=0, help="Queries to measure latency on; 0 measures none.")] = 20,
    calibrate: Annotated[
        Method | None, typer.Option(help="Make relevance a probability, learned from the judgments.")
    ] = None,
    retrieve_k: Annotated[int, typer.Option(help="Documents that stage one retrieves.")] = 100,
    plot: Annotated[Path | None, typer.Option(help="Write plots into this folder.", metavar="FOLDER")] = None,
    scores: Annotated[
        Path | None, typer.Option(help="Keep the scores of candidates here, and take them from here the next time.")
    ] = None,
    store: Annotated[bool, typer.Option(help="Write the result into the index, for every search to use.")] = True,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    seed: Annotated[int, typer.Option(help="Of the draw of queries and of folds.")] = 0,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Find out from judged queries how deep to rerank, with which blend, and whether at all, and store it in the index.

    Example: bicross tune my-index scifact --split train --latency-budget 300ms
    """
    options = TuningOptions(
        retrieve_k=retrieve_k,
        queries=queries,
        latency_budget_ms=None if latency_budget is None else milliseconds(latency_budget),
        latency_queries=latency_queries,
        calibrate=calibrate,
        scores=scores,
        store=store,
        seed=seed,
        progress=not as_json and sys.stderr.isatty(),
    )
    require_one_device(device)
    _require_places(plot, scores)
    index = Index.open(path)
    judged = read_judged(source, split=split, topics=topics, qrels=qrels)
    opened_reranker = open_reranker(reranker, device=device, dtype=dtype)
    assert opened_reranker is not None
    tuning = tune(
        index,
        judged,
        encoder=open_encoder(index, encoder, device=device, dtype=dtype),
        reranker=opened_reranker,
        options=options,
    )
    plots = [] if plot is None else plot_tuning(tuning, plot)
    if as_json:
        print_json({**tuning_record(tuning), "plots": list(map(str, plots))})
        return
    console = Console()
    console.print(tuning_tables(tuning, str(path)))
    for one in plots:
        console.print(plain(f"Drew {one}"), soft_wrap=True)


def _require_places(plot: Path | None, scores: Path | None) -> None:
    """A mistake here should not cost the reading of all candidates."""
    if plot is not None:
        require_plots()
        if plot.exists() and not plot.is_dir():
            raise ArgumentError(f"--plot takes a folder, and {plot} is a file")
    if scores is not None and (scores.is_dir() or not scores.absolute().parent.is_dir()):
        raise ArgumentError(f"no scores can be kept as {scores}: it is a folder, or its folder is not there")
