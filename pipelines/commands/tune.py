"""The command `tune`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ...errors.arguments import require_file_place, require_folder_place
from ...index import Index
from ...rerank import DEFAULT_RERANKER
from ..evaluation import read_judged
from ..models import open_encoder, open_reranker, require_one_device
from ..progress import counting, doing
from ..search import DEFAULT_K
from ..tuning import TuningOptions, milliseconds, tune
from .options import (
    AsJson,
    Device,
    IndexEncoder,
    IndexPath,
    JudgedSource,
    LongQuery,
    ModelName,
    Precision,
    QrelsFile,
    Topics,
)
from .output import print_json
from .reports import plot_tuning, require_plots, tuning_record, tuning_tables
from .terminal import plain, saying, unless_committed

Method = Literal["platt", "isotonic"]


def tune_command(
    path: IndexPath,
    source: JudgedSource = None,
    *,
    split: Annotated[
        str, typer.Option(help="Split of the judgments in a BEIR folder; not the one that you report figures on.")
    ] = "train",
    topics: Topics = None,
    qrels: QrelsFile = None,
    queries: Annotated[int | None, typer.Option(help="Number of judged queries to draw. Default: all.")] = None,
    latency_budget: Annotated[
        str | None, typer.Option(help="The most time that 95 of 100 searches may take, such as 300ms.", metavar="TIME")
    ] = None,
    latency_queries: Annotated[int, typer.Option(min=0, help="Queries to measure latency on; 0 measures none.")] = 20,
    calibrate: Annotated[
        Method | None, typer.Option(help="Fit a calibration, which makes relevance a probability.")
    ] = None,
    retrieve_k: Annotated[
        int | None, typer.Option(help=f"Number of documents that the first stage retrieves; default: {DEFAULT_K}.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Folder to write plots to.", metavar="FOLDER")] = None,
    scores: Annotated[
        Path | None, typer.Option(help="File that keeps the scores of candidates for the next tuning.")
    ] = None,
    store: Annotated[bool, typer.Option(help="Store the result in the index, for every search to use.")] = True,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    long_queries: LongQuery = "cut",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Find from judged queries whether and how deep to rerank, and with which blend, and store that in the index.

    Example: bicross tune my-index scifact --split train --latency-budget 300ms
    """
    options = TuningOptions(
        retrieve_k=DEFAULT_K if retrieve_k is None else retrieve_k,
        queries=queries,
        latency_budget_ms=None if latency_budget is None else milliseconds(latency_budget),
        latency_queries=latency_queries,
        calibrate=calibrate,
        scores=scores,
        store=store,
        seed=seed,
        long_queries=long_queries,
    )
    require_one_device(device)
    _require_places(plot, scores)
    index = Index.open(path)
    judged = read_judged(source, split=split, topics=topics, qrels=qrels)
    with doing("Loading the models", shown=not as_json and sys.stderr.isatty()):
        opened_reranker = open_reranker(reranker, device=device, dtype=dtype)
        assert opened_reranker is not None
        opened_encoder = open_encoder(index, encoder, device=device, dtype=dtype)
    with (
        saying(unless_committed(path, f"Nothing was stored in {path}: run the same command again.")),
        counting("Scoring candidates", shown=not as_json and sys.stderr.isatty()) as count,
    ):
        tuning = tune(
            index, judged, encoder=opened_encoder, reranker=opened_reranker, options=options, on_progress=count
        )
    plots = [] if plot is None else plot_tuning(tuning, plot)
    came_from = "default" if retrieve_k is None else "given"
    if as_json:
        retrieved = {"value": tuning.retrieve_k, "from": came_from}
        print_json({**tuning_record(tuning), "retrieve_k": retrieved, "plots": list(map(str, plots))})
        return
    console = Console()
    console.print(tuning_tables(tuning, str(path)))
    line = f"Settings: {tuning.retrieve_k} retrieved ({came_from}); first stage, depth and blend as compared above"
    console.print(plain(line), style="dim", soft_wrap=True)
    for file in plots:
        console.print(plain(f"Drew {file}"), soft_wrap=True)


def _require_places(plot: Path | None, scores: Path | None) -> None:
    """Fail before the candidates are scored if the results cannot be written afterwards."""
    if plot is not None:
        require_plots()
        require_folder_place(plot, "plots")
    if scores is not None:
        require_file_place(scores, "scores")
