"""The argument SOURCE, with the options that say how it is read, for every command that reads documents."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

from ...index import DocumentReader, read_documents


@dataclass(frozen=True, slots=True)
class Source:
    """What a command line says of the documents to read. Each field is an argument or an option of a command."""

    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="A JSONL, CSV, TSV, Parquet or Arrow file, a BEIR folder, or texts."),
    ]
    id_column: Annotated[str | None, typer.Option(help="Where ids stand; default _id or id.")] = None
    title_column: Annotated[str | None, typer.Option(help="Where titles stand; default title.")] = None
    text_column: Annotated[str | None, typer.Option(help="Where texts stand; default text.")] = None
    skip_errors: Annotated[
        bool, typer.Option("--skip-errors", help="Leave bad rows out, and report them, instead of stopping.")
    ] = False
    errors: Annotated[Path, typer.Option(help="Where --skip-errors reports them.")] = Path("errors.jsonl")
    max_bytes: Annotated[
        int | None, typer.Option(min=1, help="What the source may decode to; default: 200 times its size.")
    ] = None

    def read(self) -> DocumentReader:
        """Return the documents; what is wrong with the options or the path is an error at once."""
        return read_documents(
            self.source,
            id_column=self.id_column,
            title_column=self.title_column,
            text_column=self.text_column,
            on_error="skip" if self.skip_errors else "raise",
            errors_path=self.errors,
            max_bytes="auto" if self.max_bytes is None else self.max_bytes,
        )


def with_source(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every argument and option of ``Source`` in place of its parameter ``source``.

    Example:
        >>> @with_source
        ... def count(source: Source, *, as_json: bool = False) -> None:
        ...     print(sum(1 for _ in source.read()))
    """
    names = [field.name for field in fields(Source)]
    hints = get_type_hints(Source, include_extras=True)

    @wraps(command)
    def run(**arguments: object) -> None:
        told = {name: arguments.pop(name) for name in names}
        command(source=Source(**told), **arguments)  # pyright: ignore[reportArgumentType] - typer has checked them

    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name != "source":
            parameters.append(parameter)
            continue
        for field in fields(Source):
            default = inspect.Parameter.empty if field.name == "source" else field.default
            parameters.append(
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]
                )
            )
    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    run.__signature__ = signature.replace(parameters=keyword_only)  # pyright: ignore[reportAttributeAccessIssue]
    return run
