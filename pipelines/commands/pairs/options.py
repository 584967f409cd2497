"""The options that the commands of pairs share, and how they read their pairs."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ....errors import ArgumentError, BicrossError, SourceError
from ...lines import STANDARD_INPUT
from ...training.pair_files import PairColumns, TextPair, kind_of_pairs, text_pairs

Item = TypeVar("Item")

AT_ONCE = 512
"""The pairs or documents that are scored at once."""
Format = Annotated[
    str | None,
    typer.Option(
        help="How SOURCE is read: jsonl, json, csv or tsv. Default: as its name ends, and jsonl for standard input."
    ),
]
FirstColumn = Annotated[
    str | None, typer.Option(help="Where the first text stands; default: sentence1, text1, premise, ...")
]
SecondColumn = Annotated[
    str | None, typer.Option(help="Where the second text stands; default: sentence2, text2, hypothesis, ...")
]


def pairs_of(source: str, columns: PairColumns, kind: str | None) -> Iterator[TextPair]:
    """Return the pairs of a source, whose mistakes show when it is read.

    Args:
        source: A file, or "-" for standard input.
        columns: Which columns are what.
        kind: How it is read; None goes by its name.

    Raises:
        ArgumentError: There is no such file, or how it is read cannot be told.
    """
    path = Path(source)
    kind_of_pairs(path, kind)
    if path != STANDARD_INPUT and not path.is_file():
        raise ArgumentError(f"SOURCE names {source}, and there is no such file; - is standard input")
    return _some(text_pairs(path, columns, kind=kind), source, as_default=path == STANDARD_INPUT and kind is None)


def _some(pairs: Iterator[TextPair], source: str, *, as_default: bool) -> Iterator[TextPair]:
    try:
        first = next(pairs, None)
    except BicrossError as error:
        if as_default:
            error.add_note("Standard input is read as jsonl; for another kind give --format, as in --format csv.")
        raise
    if first is None:
        name = "standard input" if source == "-" else source
        raise SourceError(f"{name} holds no pairs: is it the right file, and is it complete?")
    yield first
    yield from pairs


def in_parts(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Return a few items at a time, of a source of any length.

    The first of them are read at once, so that mistakes show before a model is loaded, which takes seconds.
    """
    first = list(islice(items, AT_ONCE))
    return chain([first], _further(items))


def _further(items: Iterator[Item]) -> Iterator[list[Item]]:
    while part := list(islice(items, AT_ONCE)):
        yield part
