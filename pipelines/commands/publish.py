"""The commands that publish an index to an object store, and copy one from there."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ...errors.counts import counted
from ...index import fetch, publish
from ..progress import doing
from .options import AsJson, IndexPath
from .output import report
from .terminal import saying

StoreUrl = Annotated[
    str, typer.Argument(metavar="URL", help="A folder of a store: s3://bucket/folder, gs://..., az://..., file:///...")
]


def publish_command(
    path: IndexPath,
    url: StoreUrl,
    *,
    generation: Annotated[
        int | None, typer.Option(help="One that `bicross info` lists; default: the newest.", metavar="NUMBER")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Then remove old publications, and files that none of the others lists.")
    ] = False,
    keep: Annotated[int, typer.Option(min=1, help="With --prune, publications that stay at least.")] = 3,
    grace: Annotated[
        float, typer.Option(min=3600, help="With --prune, seconds for which more stay, for readers and other writers.")
    ] = 86400,
    as_json: AsJson = False,
) -> None:
    """Publish an index to an object store, from where it can be searched by its URL.

    Example: bicross publish my-index s3://bucket/my-index --prune
    """
    unfinished = f"The command did not end: {url} has the new generation as a whole or not at all. Run it again."
    with saying(lambda: unfinished), doing("Publishing", shown=not as_json and sys.stderr.isatty()):
        done = publish(path, url, generation=generation, prune=prune, keep=keep, grace=grace)
    size = f"{counted(done.uploaded_files, 'file')}, {counted(done.uploaded_bytes, 'byte')}"
    text = f"{done.url} has generation {done.generation} of {path}" + ("" if done.is_new else " already")
    text += f": {size} uploaded" if done.uploaded_files or done.is_new else ""
    if prune:
        removed = counted(done.removed_publications, "old publication")
        text += f"; {removed} and {counted(done.removed_files, 'file')} removed"
    report(done, text, as_json=as_json)


def fetch_command(
    url: StoreUrl,
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder of the copy.")],
    as_json: AsJson = False,
) -> None:
    """Copy a published index to a folder, where it can be changed and published again.

    Example: bicross fetch s3://bucket/my-index -o my-index
    """
    unfinished = f"{output} is no index yet: run the same command again, which goes on with what is copied."
    with saying(lambda: unfinished), doing("Copying", shown=not as_json and sys.stderr.isatty()):
        generation = fetch(url, output)
    report(
        {"url": url, "path": str(output), "generation": generation},
        f"{output} is a copy of {url}, at generation {generation}",
        as_json=as_json,
    )
