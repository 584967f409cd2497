"""The argument SOURCE, with the options that say how it is read, for every command that reads documents."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from ...errors import ArgumentError, BicrossError
from ...errors.counts import counted
from ...index import ColumnType, DocumentReader, Index, read_documents
from ...index.staging import count_staged
from .source_summary import SourceSummary
from .terminal import unless_committed

_TABS = {"tab": "\t", r"\t": "\t"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a command line says of how documents are read. Each field is an option of a command."""

    format: Annotated[str | None, typer.Option(help="The format, such as jsonl; default: by the end of the name.")] = (
        None
    )
    encoding: Annotated[
        str | None, typer.Option(help="The encoding of texts that name none and are not UTF-8, as in cp1252.")
    ] = None
    id_column: Annotated[str | None, typer.Option(help="Where ids stand; default _id or id.")] = None
    title_column: Annotated[str | None, typer.Option(help="Where titles stand; default title.")] = None
    text_column: Annotated[str | None, typer.Option(help="Where texts stand; default text.")] = None
    max_bytes: Annotated[
        int | None,
        typer.Option(min=1, help="What a file, or all texts of a folder, may decode to; default: 200 times its size."),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(help="Between the fields of a CSV or TSV file: one character, or tab; default: found in line 1."),
    ] = None
    quotes: Annotated[
        bool | None, typer.Option(help="Quotes enclose fields; default: in CSV, and in TSV where that shows.")
    ] = None
    columns: Annotated[
        str | None, typer.Option(help="The columns of a CSV or TSV file without a header.", metavar="NAME[,NAME]...")
    ] = None
    types: Annotated[
        str | None,
        typer.Option(
            help=f"Types of columns of a CSV or TSV file: {', '.join(get_args(ColumnType))}; "
            "default: what all of their values are.",
            metavar="NAME=TYPE[,...]",
        ),
    ] = None
    text_columns: Annotated[
        str | None,
        typer.Option(help="Columns of a CSV or TSV file whose values stay text.", metavar="NAME[,NAME]..."),
    ] = None
    metadata_columns: Annotated[
        str | None,
        typer.Option(help="The columns that become metadata; default: all others.", metavar="NAME[,NAME]..."),
    ] = None
    leave_out: Annotated[
        str | None, typer.Option(help="Columns that do not become metadata.", metavar="NAME[,NAME]...")
    ] = None

    gitignore: Annotated[
        bool | None,
        typer.Option(
            "--gitignore/--no-gitignore", help="Leave out of folders what .gitignore files name; default: no."
        ),
    ] = None

    @property
    def is_given(self) -> bool:
        """Whether anything is said."""
        return any(getattr(self, field.name) is not None for field in fields(Rows))

    def read_from(
        self,
        source: str | Sequence[str],
        *,
        on_error: Literal["raise", "skip"] = "raise",
        errors_path: Path = Path("errors.jsonl"),
        keep_copies: bool = False,
    ) -> DocumentReader:
        """Return the documents; what is wrong with the options or the path is an error at once."""
        return read_documents(
            source,
            format=self.format,
            id_column=self.id_column,
            title_column=self.title_column,
            text_column=self.text_column,
            on_error=on_error,
            errors_path=errors_path,
            max_bytes="auto" if self.max_bytes is None else self.max_bytes,
            delimiter=None if self.delimiter is None else _TABS.get(self.delimiter, self.delimiter),
            encoding=self.encoding,
            quotes=self.quotes,
            columns=None if self.columns is None else _names(self.columns),
            types=_types(self.types or "", self.text_columns or ""),
            metadata_columns=None if self.metadata_columns is None else _names(self.metadata_columns),
            leave_out=_names(self.leave_out or ""),
            keep_copies=keep_copies,
            gitignore=bool(self.gitignore),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Rows):
    """What a command line says of the documents to read, and of bad ones. Each field is an argument or an option."""

    source: Annotated[
        list[str],  # no paths, because an empty one would be the folder that the command runs in
        typer.Argument(
            metavar="SOURCE",
            help="Files of JSONL, JSON, CSV, TSV, Parquet, Arrow, text, Markdown, HTML, reStructuredText, code,"
            " notebooks, e-mail, EPUB, PDF, Word, PowerPoint or Excel; folders of them; a BEIR folder; or"
            " - for standard input.",
        ),
    ]
    skip_errors: Annotated[
        bool, typer.Option("--skip-errors", help="Leave bad rows and files out, and list them, instead of stopping.")
    ] = False
    errors: Annotated[Path, typer.Option(help="Where --skip-errors lists them.")] = Path("errors.jsonl")

    def read(self) -> DocumentReader:
        """Return the documents; what is wrong with the options or the path is an error at once."""
        return self.read_from(self.source, on_error="skip" if self.skip_errors else "raise", errors_path=self.errors)

    def summary(self, reader: DocumentReader, *, written: int) -> SourceSummary:
        """Return what came of the documents that ``reader`` has read, of which ``written`` were written."""
        return SourceSummary(reader.report, written, self.errors if self.skip_errors else None)


@contextmanager
def keeping_begun(path: Path) -> Generator[None]:
    """Say of an error that ends a build what is kept at ``path``, and how to go on."""
    try:
        yield
    except BicrossError as error:
        kept = Index.on_disk(path).unfinished
        if kept is not None:
            error.add_note(
                f"{path} keeps {counted(kept, 'document')} of this build. To go on, run the same command with "
                "--resume; with --resume --skip-errors it leaves out what is bad, and lists it"
            )
        raise


def kept_of_build(path: Path) -> Callable[[], str]:
    """Return what is to be said when a build is interrupted, by what is on disk then."""
    nothing = unless_committed(path, f"Nothing was written to {path}: run the same command again.")

    def message() -> str:
        disk = Index.on_disk(path)
        if disk.unfinished is None and (staged := count_staged(path)):
            kept = counted(staged, "part of the source is", "parts of the source are")
            return f"{kept} embedded and kept in {path}. Run the same command again to go on."
        if disk.unfinished is None:
            return nothing()
        text = f"{path} keeps {counted(disk.unfinished, 'document')} of this build."
        if disk.newest is not None:
            text += " The index that was there is unchanged."
        return f"{text} Run the same command with --resume to go on, or with --overwrite to start again."

    return message


def _names(text: str) -> list[str]:
    return [name for name in map(str.strip, text.split(",")) if name]


def _types(types_option: str, text_columns: str) -> dict[str, ColumnType]:
    types: dict[str, ColumnType] = {}
    for part in _names(types_option):
        name, separator, kind = part.rpartition("=")
        if not separator or kind.strip() not in get_args(ColumnType):
            type_names = ", ".join(get_args(ColumnType))
            raise ArgumentError(f"--types must be like price=float,when=date, not {part!r}; the types are {type_names}")
        _set_type(types, name.strip(), cast("ColumnType", kind.strip()))
    for name in _names(text_columns):
        _set_type(types, name, "text")
    return types


def _set_type(types: dict[str, ColumnType], name: str, kind: ColumnType) -> None:
    if types.setdefault(name, kind) != kind:
        raise ArgumentError(f"the column {name!r} has two types, {types[name]} and {kind}: give it one (--types)")
