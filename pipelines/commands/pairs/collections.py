"""What is compared by the commands that compare whole collections: an index, or documents from anywhere."""

from dataclasses import dataclass
from typing import Annotated

import typer

from ....errors import ArgumentError
from ....index import DocumentReader, Index, read_documents

CollectionSource = Annotated[
    str, typer.Argument(metavar="SOURCE", help="An index, a file, a folder of files, or - for standard input.")
]
EncoderName = Annotated[str | None, typer.Option(help="A hub id, a folder or a bundled name; not for an index.")]
RowsFormat = Annotated[
    str | None, typer.Option(help="How a file or standard input is read, as in jsonl; default: as its name ends.")
]
IdColumn = Annotated[str | None, typer.Option(help="Where ids stand; default _id or id.")]
TitleColumn = Annotated[str | None, typer.Option(help="Where titles stand; default title.")]
TextColumn = Annotated[str | None, typer.Option(help="Where texts stand; default text.")]
Encoding = Annotated[str | None, typer.Option(help="The encoding of a text file, as in cp1252; default: UTF-8.")]


@dataclass(frozen=True, slots=True)
class DocumentColumns:
    """How documents are read, as ``read_documents`` takes it; None is the default."""

    format: str | None
    encoding: str | None
    id_column: str | None
    title_column: str | None
    text_column: str | None

    @property
    def is_given(self) -> bool:
        """Whether anything is."""
        return self != DocumentColumns(None, None, None, None, None)

    def reader(self, source: str) -> DocumentReader:
        """Return the documents of a file, a folder or standard input; a row whose id is there already stays."""
        return read_documents(
            source,
            format=self.format,
            encoding=self.encoding,
            id_column=self.id_column,
            title_column=self.title_column,
            text_column=self.text_column,
            keep_copies=True,
        )


def documents_of(source: str, columns: DocumentColumns) -> str | DocumentReader:
    """Return the path of an index as it is, or the documents of anything else.

    Raises:
        ArgumentError: Columns or a format are given for an index.
    """
    if source == "-" or Index.on_disk(source).newest is None:
        return columns.reader(source)
    if columns.is_given:
        raise ArgumentError(f"{source} is an index, of which no column and no format is named")
    return source
