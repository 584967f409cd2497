"""What the commands that compare whole collections take: an index, or documents from anywhere."""

import sys
from typing import Annotated

import typer

from ....errors import ArgumentError
from ....index import DocumentReader, Index
from ..source_summary import left_out_lines
from ..sources import Rows
from ..terminal import plain

CollectionSource = Annotated[
    str, typer.Argument(metavar="SOURCE", help="An index, a file, a folder of files, or - for standard input.")
]
EncoderName = Annotated[
    str | None, typer.Option(help="Makes vectors of documents: a hub id, a folder or a bundled name.")
]


def documents_of(source: str, rows: Rows) -> str | DocumentReader:
    """Return the path of an index as it is, or the documents of anything else.

    Raises:
        ArgumentError: Columns or a format are given for an index.
    """
    if source == "-" or Index.on_disk(source).newest is None:
        return rows.read_from(source, keep_copies=True)
    if rows.is_given:
        raise ArgumentError(f"{source} is an index, of which no column and no format is named")
    return source


def say_left_out(documents: str | DocumentReader) -> None:
    """Say on standard error what was left out of a source that was read; of an index nothing is."""
    if isinstance(documents, DocumentReader):
        for line in left_out_lines(documents.report, None):
            sys.stderr.write(f"bicross: {plain(line)}\n")
