"""The command `evaluate`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ...errors import ArgumentError
from ...errors.arguments import require_file_place
from ...index import Index
from ...rerank import DEFAULT_RERANKER
from ..evaluation import (
    DEFAULT_MEASURES,
    FIRST_STAGE,
    RERANKED,
    Evaluation,
    Run,
    canonical,
    evaluate,
    evaluate_runs,
    read_judged,
    read_qrels,
    read_run,
    require_run_ids,
    write_run,
)
from ..progress import counting, doing
from ..search import SearchPipeline, Settings, read_cascade
from .options import (
    Adaptive,
    AsJson,
    CascadeStages,
    Device,
    FeedbackFlag,
    FirstStageName,
    IndexEncoder,
    JudgedSource,
    LateInteraction,
    LongQuery,
    ModelName,
    OldFirstStageName,
    Passages,
    Precision,
    QrelsFile,
    Rerank,
    RetrieveK,
    Topics,
)
from .output import print_json
from .reports import evaluation_record, evaluation_report
from .terminal import plain, saying

Runs = list[Path] | None


def evaluate_command(
    path: Annotated[
        str | None,
        typer.Argument(metavar="INDEX", help="Folder of the index, or its URL. Without it, --run is measured."),
    ] = None,
    source: JudgedSource = None,
    *,
    split: Annotated[str, typer.Option(help="Split of the judgments in a BEIR folder.")] = "test",
    topics: Topics = None,
    qrels: QrelsFile = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(help=f"A measure of ir-measures; may be repeated. Default: {', '.join(DEFAULT_MEASURES)}."),
    ] = None,
    queries: Annotated[int | None, typer.Option(min=1, help="Measure only the first N judged queries.")] = None,
    run: Annotated[
        Runs, typer.Option(help="TREC run file of another system, to compare with; may be repeated.")
    ] = None,
    save_run: Annotated[Path | None, typer.Option(help="File to write the final order to, as a TREC run.")] = None,
    save_first_stage_run: Annotated[
        Path | None, typer.Option(help="File to write the order of the first stage to, as a TREC run.")
    ] = None,
    save_stage_one_run: Annotated[Path | None, typer.Option(hidden=True)] = None,
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    retrieve_k: RetrieveK = None,
    rerank_k: Annotated[
        int | None, typer.Option(help="Number of documents to rerank. Default: as tuned, else 100.")
    ] = None,
    first_stage: FirstStageName = None,
    stage_one: OldFirstStageName = None,
    feedback: FeedbackFlag = None,
    passages: Passages = "best",
    adaptive: Adaptive = False,
    cascade: CascadeStages = None,
    late_interaction: LateInteraction = None,
    long_queries: LongQuery = "cut",
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Measure how well an index answers judged queries, before and after reranking.

    Example: bicross evaluate my-index scifact --save-run mine.txt
    """
    names = canonical(measure or DEFAULT_MEASURES)
    save_first_stage_run = save_first_stage_run or save_stage_one_run  # the name of before
    others = _read_runs(run)
    if path is None:
        _require_no_files(save_run, save_first_stage_run)
        _show("runs", _of_runs(others, qrels, names), as_json=as_json)
        return
    for file in (save_run, save_first_stage_run):
        if file is not None:
            require_file_place(file, "a run")
    judged = read_judged(source, split=split, topics=topics, qrels=qrels)
    if queries is not None:
        judged = judged.first(queries)
    index = Index.open(path)
    if save_run or save_first_stage_run:
        require_run_ids((id_ for id_ in judged.queries if id_ in judged.qrels), index.ids())
    watched = not as_json and sys.stderr.isatty()
    with saying(lambda: "Nothing was measured or written: run the same command again."):
        with doing("Loading the models", shown=watched):
            pipeline = SearchPipeline.open(
                index,
                encoder=encoder,
                reranker=None if rerank is False else reranker,
                device=device,
                dtype=dtype,
                retrieve_k=retrieve_k,
                rerank_k=rerank_k,
                rerank=rerank or None,  # without a reranker, --no-rerank changes nothing
                first_stage=first_stage or stage_one,
                feedback=feedback,
                passages=passages,
                adaptive=adaptive,
                cascade=read_cascade(cascade),
                late_interaction=late_interaction,
                long_queries=long_queries,
            )
        with pipeline, counting("Searching", shown=watched) as count:
            final = FIRST_STAGE if pipeline.reranker is None else RERANKED
            settings = pipeline.settings  # read before the pipeline is closed
            evaluation = evaluate(
                pipeline, judged.queries, judged.qrels, measures=names, runs=others, on_progress=count
            )
    _show(judged.name, evaluation, as_json=as_json, settings=settings)
    for file, system in ((save_first_stage_run, FIRST_STAGE), (save_run, final)):
        if file is not None:
            write_run(file, evaluation.system(system).run)


def _of_runs(runs: dict[str, Run], qrels: Path | None, measures: tuple[str, ...]) -> Evaluation:
    if not runs or qrels is None:
        raise ArgumentError("name an index, or --run and --qrels to measure a run alone")
    return evaluate_runs(runs, read_qrels(qrels), measures=measures)


def _read_runs(files: Runs) -> dict[str, Run]:
    """The runs by the name of their file, or by its path where two files have the same name."""
    paths = list(dict.fromkeys(files or ()))
    names = [file.name for file in paths]
    return {file.name if names.count(file.name) == 1 else str(file): read_run(file) for file in paths}


def _require_no_files(*files: Path | None) -> None:
    if any(file is not None for file in files):
        raise ArgumentError("--save-run needs an index to search; name one, or leave the option out")


def _show(name: str, evaluation: Evaluation, *, as_json: bool, settings: Settings | None = None) -> None:
    if as_json:
        searched = {} if settings is None else {"settings": settings.to_dict()}
        print_json({"name": name, **evaluation_record(evaluation), **searched})
        return
    console = Console()
    console.print(evaluation_report(name, evaluation))
    if settings is not None:
        console.print(plain(f"Settings: {settings}"), style="dim")
