"""Formats results for a terminal and as JSON. Documents are untrusted: nothing in them is treated as markup."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from typing import cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...index import FieldInfo, IndexInfo
from ...retrieval import has_index
from ..search import Depth, SearchPipeline, SearchResult, Settings
from .terminal import plain, snippet

PLACES = ("heading", "section", "chapter", "page", "slide", "sheet", "line")
"""Metadata fields that give the position of a text in a longer document."""


def print_json(record: object) -> None:
    """Print one line of JSON on standard output, in ASCII, so that every terminal and encoding can show it."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        record = dataclasses.asdict(record)
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def report(record: object, text: str, *, as_json: bool) -> None:
    """Print what a command has done: a record as JSON, or the same in words."""
    if as_json:
        print_json(record)
    else:
        Console().print(plain(text), soft_wrap=True)


def write_settings(settings: Settings) -> None:
    """Say on standard error, in one line, how the documents were searched and what each setting comes from."""
    sys.stderr.write(f"Settings: {plain(str(settings))}\n")


def results_table(query: str, results: Sequence[SearchResult], depth: Depth, *, stages: bool = False) -> Table:
    """Return a table of rank, 1st-stage rank, relevance, title and the beginning of the passage.

    With ``stages`` each result has a line with its rank and score through every stage.
    """
    reranked = any(result.logit is not None for result in results)
    table = Table(title=plain(snippet(query)), title_justify="left", title_style="bold", show_lines=True)
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
            Text("\n").join(
                [*_heading(result), plain(snippet(result.passage.text)), *([_stages(result)] if stages else [])]
            ),
        )
    if depth.reranked < depth.wanted:
        table.caption = f"{depth.reranked} of {depth.wanted} candidates were reranked"
        table.caption_justify = "left"
    return table


def _stages(result: SearchResult) -> Text:
    """Return one line with the rank of the result after each stage, and its score there."""
    line = plain(" > ".join(f"{stage.stage} {stage.rank} ({stage.score:.3f})" for stage in result.stages))
    line.stylize("dim")
    return line


def _heading(result: SearchResult) -> Iterator[Text]:
    """Yield the title, and the id with the position in the document."""
    document = result.document
    title = plain(document.title or document.id)
    title.stylize("bold")
    yield title
    located = [f"{name} {document.metadata[name]}" for name in PLACES if _is_place(document.metadata.get(name))]
    if document.title or located:
        where = plain(", ".join([document.id, *located]))
        where.stylize("cyan")
        yield where


def _is_place(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def nothing_found(query: str, depth: Depth, pipeline: SearchPipeline, *, where: str | None) -> Text:
    """Return what is to be said where a query has no results: why, and what to do."""
    options = pipeline.options
    index = pipeline.retriever.index if has_index(pipeline.retriever) else None
    if index is not None and not len(index):
        why = f"the index has no documents; add some with `bicross add {index.path} SOURCE`"
    elif depth.skipped:
        why = "it is too long, and was skipped; --long-queries cut searches with its beginning"
    elif depth.candidates:
        why = f"none is as relevant as --min-relevance {options.min_relevance} asks for; lower it, or leave it out"
    elif index is not None and where is not None and not index.count(where):
        why = f"no document matches --where {where!r}; `bicross info {index.path}` shows the fields"
    elif options.first_stage == "lexical":
        why = "no document has a word of the query; --first-stage dense searches by meaning"
    else:
        why = "the first stage found no candidate"
    return plain(f"No results for {query!r}: {why}.")


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


def info_table(info: IndexInfo, unknown: float | None) -> Table:
    """Return the table that ``bicross info`` shows.

    Args:
        info: What the manifest says.
        unknown: The share of the documents' characters that the encoder's tokenizer does not know; None is not shown.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    record = info_record(info)
    record["tokenizer"] = info.tokenizer_fingerprint or "no token ids are kept"
    record["lexical"] = info.analyzer or "no terms are kept"
    record["late_interaction_fingerprint"] = info.late_interaction_fingerprint or "no token vectors are kept"
    record["unknown to the model"] = None if unknown is None else f"{100 * unknown:.1f}% of the characters of a sample"
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
