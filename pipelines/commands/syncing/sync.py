"""``bicross sync``: makes an index equal to a source."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ....errors import ArgumentError
from ....index import DocumentReader, Index
from ...indexing import SyncFlags, SyncModels, SyncReport, sync_with
from ..options import AsJson, Devices, IndexPath, Precision
from ..output import print_json
from ..source_summary import left_out_lines, source_record
from ..sources import Source
from ..terminal import plain, saying, unless_committed, with_option_records
from .table import sync_table
from .watch import keep_in_step


@with_option_records
def sync_command(
    *,
    source: Source,
    path: IndexPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and show what would be done.")] = False,
    allow_deletes: Annotated[
        bool, typer.Option("--allow-deletes", help="Go on where more than half of the documents would be deleted.")
    ] = False,
    encoder: Annotated[
        str | None, typer.Option(help="Default: the one that built the index; for a new index that of `bicross index`.")
    ] = None,
    reranker: Annotated[
        str | None, typer.Option(help="The one whose token ids the index keeps, unless it is the default.")
    ] = None,
    device: Devices = None,
    dtype: Precision = "float32",
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on: after each change of the source, when it has settled, sync again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make an index equal to a source: add what is new, replace what changed, delete what is gone, in one commit.

    Unchanged documents are not embedded again. An index that is not there is built; one that is there keeps its
    settings. The exit code is 0 where the index equals the source now, or nothing was to be done, and 1 where it was
    not changed.

    Example: bicross sync articles.jsonl my-index
    """
    if watch and dry_run:
        raise ArgumentError("--watch changes the index, and --dry-run does not: leave one out")
    flags = SyncFlags(allow_deletes=allow_deletes, dry_run=dry_run, progress=not as_json and sys.stderr.isatty())
    models = SyncModels(encoder, reranker, device, dtype)

    def once(*, quiet: bool = False) -> None:
        documents = source.read()
        with saying(_kept(path)):
            report = sync_with(path, documents, models, flags)
        if report.is_change or not quiet:
            show(report, documents, path, source, dry_run=dry_run, as_json=as_json)

    if watch:
        keep_in_step(source.source, once, ignored=[path, source.errors])
    else:
        once()


def show(
    report: SyncReport, documents: DocumentReader, path: Path, source: Source, *, dry_run: bool, as_json: bool
) -> None:
    """Print what was done, or would be done, and what was left out of the source."""
    if as_json:
        print_json(
            {"path": str(path), "dry_run": dry_run}
            | dataclasses.asdict(report)
            | {"read": documents.report.documents, **source_record(documents.report)}
        )
        return
    console = Console()
    console.print(plain(f"{path}: {_outcome(report, dry_run=dry_run)}"), soft_wrap=True)
    console.print(sync_table(report))
    for line in left_out_lines(documents.report, source.errors if source.skip_errors else None):
        console.print(plain(line), soft_wrap=True)


def _outcome(report: SyncReport, *, dry_run: bool) -> str:
    if not report.is_change:
        return "nothing to do"
    if dry_run:
        return "this would be done" + (" to a new index" if report.created else "")
    return "built" if report.created else "brought up to date"


def _kept(path: Path) -> Callable[[], str]:
    """Return what is to be said when a sync is interrupted, by what is on disk then."""
    nothing = unless_committed(path, f"Nothing was changed in {path}: run the same command again.")

    def message() -> str:
        unfinished = Index.on_disk(path).unfinished
        if unfinished:
            return f"{path} keeps {unfinished:,} documents of this build. Run the same command again to go on."
        return nothing()

    return message
