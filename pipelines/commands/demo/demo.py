"""The command ``bicross demo``: the documentation of the installed Python, searched by meaning."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ....errors.counts import counted
from ....index import Index
from ....inference import cache_folder
from ....retrieval import BiEncoder
from ...indexing import build_index
from ...search import SearchPipeline, SearchResult, Timings, result_record
from ..options import AsJson, Device
from ..output import print_json
from ..terminal import plain, saying, unless_committed
from .docstrings import docstring_documents

QUESTIONS = (
    "read rows from a csv file",
    "run a function in another process",
    "round a number to two decimals",
    "parse a date from a string",
    "compress bytes",
)
SHOWN = 5


def demo_command(
    questions: Annotated[list[str] | None, typer.Argument(metavar="[QUESTION]...", help="Your own questions.")] = None,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder of the index.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Index this many documents only.")] = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Index the documentation of the installed Python, and search it. Needs no network."""
    path, asked = output or demo_path(), questions or QUESTIONS
    Index.require_free(path, overwrite=True)  # before the docstrings are collected
    # With --json standard output carries nothing else.
    console = Console(stderr=as_json)
    build_demo(path, limit=limit, device=device, console=console)
    if as_json:
        print_demo(path, asked, device=device)
    else:
        show_demo(path, asked, device=device, console=console)


def demo_path() -> Path:
    """Return the folder in which the demo keeps its index."""
    return cache_folder() / "demo"


def build_demo(path: Path, *, limit: int | None, device: str | None, console: Console) -> None:
    """Index the docstrings of the standard library at ``path``, replacing an older demo."""
    console.print("Collecting the docstrings of the standard library ...")
    documents = docstring_documents() if limit is None else docstring_documents(limit=limit)
    with saying(unless_committed(path, f"Nothing was written to {path}: run the same command again.")):
        index = build_index(
            documents, path, encoder=BiEncoder(device=device, dtype="auto"), overwrite=True, progress=True
        )
    info = index.info()
    shown = counted(info.documents, "document")
    console.print(f"Indexed {shown} ({info.bytes / 1e6:.1f} MB) in {path}\n", soft_wrap=True)


def show_demo(path: Path, questions: Sequence[str], *, device: str | None, console: Console) -> None:
    """Answer ``questions`` by the first stage and by both stages, and say how to go on."""
    pipeline = SearchPipeline.open(path, device=device, dtype="auto", top_k=100)
    timings = Timings()
    for question in questions:  # one by one, so that the first answer is there at once
        [results] = pipeline.search_batch([question], timings=timings)
        console.print(_side_by_side(question, results))
    first, second = timings.retrieve_seconds / timings.queries, timings.rerank_seconds / timings.queries
    candidates = timings.pairs // timings.queries
    console.print(f"Retrieval took {first:.2f} s a question, reranking its {candidates} candidates {second:.2f} s.\n")
    console.print(plain(f"Settings: {pipeline.settings}"), style="dim", soft_wrap=True)
    console.print("Ask your own question:", style="bold")
    console.print(f'  {_program()} search {path} "sort a list by a key"', soft_wrap=True)
    console.print("Index your own documents (JSONL, CSV, Parquet, or a folder of texts):", style="bold")
    console.print(f"  {_program()} index FILE_OR_FOLDER -o my-index", soft_wrap=True)


def _program() -> str:
    """Return the command as the user can type it: after ``make demo`` its environment is not on the path."""
    return "bicross" if shutil.which("bicross") else str(Path(sys.executable).parent / "bicross")


def print_demo(path: Path, questions: Sequence[str], *, device: str | None) -> None:
    """Print the answers as JSON, one object for each question."""
    pipeline = SearchPipeline.open(path, device=device, dtype="auto")
    settings = pipeline.settings.to_dict()
    for question, results in zip(questions, pipeline.search_batch(questions), strict=True):
        records = [result_record(result) for result in results]
        print_json({"query": question, "results": records, "settings": settings})


def _side_by_side(question: str, results: Sequence[SearchResult]) -> Table:
    table = Table(title=plain(question), title_justify="left", title_style="bold")
    table.add_column("", justify="right")
    table.add_column("first stage", min_width=22, overflow="fold")
    table.add_column("after reranking", min_width=22, overflow="fold")
    table.add_column("1st-stage rank", justify="right", max_width=9)
    table.add_column("relevance", justify="right", no_wrap=True)
    before = sorted(results, key=lambda result: result.retrieval_rank)
    for first, then in list(zip(before, results, strict=True))[:SHOWN]:
        after = plain(then.document.title)
        after.stylize("bold green" if then.retrieval_rank > then.rank else "")
        table.add_row(
            str(then.rank), plain(first.document.title), after, str(then.retrieval_rank), f"{then.relevance:.2f}"
        )
    return table
