"""Formats results for a terminal and as JSON. Documents are untrusted: nothing in them is treated as markup."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from typing import cast

from rich.table import Table
from rich.text import Text

from ...index import FieldInfo, IndexInfo
from ..search import Depth, SearchResult

SNIPPET_CHARACTERS = 240


def print_json(record: object) -> None:
    """Print one line of JSON on standard output, in ASCII, so that every terminal and encoding can show it."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        record = dataclasses.asdict(record)
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def results_table(query: str, results: Sequence[SearchResult], depth: Depth) -> Table:
    """Return a table of rank, 1st-stage rank, relevance, title and the beginning of the passage."""
    reranked = any(result.logit is not None for result in results)
    table = Table(title=plain(query), title_justify="left", title_style="bold", show_lines=True)
    table.add_column("", justify="right")
    if reranked:
        table.add_column("1st-stage rank", justify="right", max_width=9)
    cosine = all(result.lexical_score is None for result in results)
    table.add_column("relevance" if reranked else "cosine" if cosine else "score", justify="right")
    table.add_column("document", overflow="fold", ratio=1)
    for result in results:
        value = result.relevance if reranked else result.retrieval_score
        table.add_row(
            str(result.rank),
            *([str(result.retrieval_rank)] if reranked else []),
            f"{value:.3f}",
            Text("\n").join([_title(result), plain(snippet(result.passage.text))]),
        )
    if depth.reranked < depth.wanted:
        table.caption = f"{depth.reranked} of {depth.wanted} candidates were reranked"
        table.caption_justify = "left"
    return table


def _title(result: SearchResult) -> Text:
    title = plain(result.document.title or result.document.id)
    title.stylize("bold")
    return title


def snippet(text: str) -> str:
    """Return the beginning of a text on one line, cut between words."""
    line = " ".join(text.split())
    if len(line) <= SNIPPET_CHARACTERS:
        return line
    return line[:SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " ..."


def info_record(info: IndexInfo) -> dict[str, object]:
    """Return what ``bicross info --json`` prints; two of its keys are older than the names of the fields."""
    keys = {"tokenizer_fingerprint": "tokenizer", "analyzer": "lexical"}
    return {keys.get(name, name): value for name, value in dataclasses.asdict(info).items()}


def fields_table(fields: Sequence[FieldInfo]) -> Table:
    """Return the table of metadata fields that ``bicross info`` shows."""
    table = Table(title="fields for --where", title_justify="left", title_style="bold")
    for header in ("field", "values", "from", "to"):
        table.add_column(header, overflow="fold")
    table.add_column("missing", justify="right")
    table.add_column("of another type", justify="right")
    for field in fields:
        values = ", ".join(f"{count:,} {kind}" for kind, count in field.kinds.items())
        ends = ["" if end is None else str(end) for end in (field.minimum, field.maximum)]
        off = f"{field.off:,}" if field.off else ""
        table.add_row(*map(plain, (field.name, values, *ends, f"{field.missing:,}", off)))
    return table


def info_table(info: IndexInfo) -> Table:
    """Return the table that ``bicross info`` shows."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    record = info_record(info)
    record["tokenizer"] = info.tokenizer_fingerprint or "no token ids are kept"
    record["lexical"] = info.analyzer or "no terms are kept"
    for name, value in _flat(record):
        table.add_row(
            name, plain(str(value) if isinstance(value, bool) or not isinstance(value, int) else f"{value:,}")
        )
    return table


def _flat(record: dict[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the entries of a record and of the records in it; unknown values are left out."""
    for name, value in record.items():
        label = f"{prefix} {name}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, object]", value), label)
        elif value is not None and value != ():
            yield label, ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else value


def plain(text: str) -> Text:
    """Return a text without control characters, which could move the cursor or change the terminal."""
    return Text("".join(character if character.isprintable() else " " for character in text))
