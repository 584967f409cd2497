"""The commands ``bicross duplicates`` and ``bicross dedupe``."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ....errors import ArgumentError
from ....errors.arguments import checked_number
from ....errors.counts import counted
from ..options import AsJson, Device, Where
from ..output import print_json
from ..sources import Rows
from ..terminal import nothing_written, plain, saying, snippet, unless_written, with_option_records
from .collections import CollectionSource, EncoderName, documents_of, say_left_out

if TYPE_CHECKING:
    from ....index import Document
    from ...pairs import Deduplicated, DuplicateGroup, Duplicates

SHOWN = 20
"""The rows that ``dedupe`` names without ``--json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """The options that say which documents are alike. Each field is an option of a command."""

    threshold: Annotated[float, typer.Option(help="The least cosine of two texts, from 0 to 1.")] = 0.95
    top_k: Annotated[int, typer.Option(min=1, help="How many nearest others of each text are compared with it.")] = 20
    reranker: Annotated[
        str | None, typer.Option(help="A model of pairs that must agree, in both orders; default: the cosine alone.")
    ] = None
    reranker_threshold: Annotated[float, typer.Option(help="The least score of the reranker, from 0 to 1.")] = 0.5
    chains: Annotated[
        bool,
        typer.Option("--chains", help="Join all that are connected, also where the ends of a chain are not alike."),
    ] = False
    encoder: EncoderName = None
    device: Device = None

    def check(self) -> None:
        """Find mistakes before a source is read."""
        checked_number(self.threshold, "threshold", 0, 1)
        checked_number(self.reranker_threshold, "reranker_threshold", 0, 1)

    def find(
        self, documents: "str | Iterable[Document]", *, where: str | None = None, progress: bool = False
    ) -> "Duplicates":
        """Find the duplicates among documents, or in the index at a path."""
        from ...pairs import find_duplicates  # not for --help

        return find_duplicates(
            documents,
            threshold=self.threshold,
            where=where,
            top_k=self.top_k,
            reranker=self.reranker,
            reranker_threshold=self.reranker_threshold,
            grouping="chains" if self.chains else "medoids",
            encoder=self.encoder,
            device=self.device,
            progress=progress,
        )


@with_option_records
def duplicates_command(
    source: CollectionSource,
    *,
    alike: Alike,
    where: Where = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Print pairs of different texts in place of groups.")] = False,
    rows: Rows,
    as_json: AsJson = False,
) -> None:
    """Find the documents of a file or an index that say the same, in groups.

    Example: bicross duplicates questions.jsonl --threshold 0.9
    """
    alike.check()
    documents = documents_of(source, rows)
    with saying(nothing_written):
        duplicates = alike.find(documents, where=where, progress=sys.stderr.isatty() and not as_json)
    if pairs:
        _print_pairs(duplicates, as_json=as_json)
    else:
        _print_groups(duplicates, as_json=as_json)
    say_left_out(documents)


@with_option_records
def dedupe_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A file of JSONL, CSV, TSV or Parquet.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The new file, of the same kind.")],
    *,
    alike: Alike,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
    rows: Rows,
    as_json: AsJson = False,
) -> None:
    """Write a file without its duplicates; of each group of documents that say the same, one stays.

    The rows that stay are copied as they are. Says which rows are left out, and for which other each is.

    Example: bicross dedupe questions.jsonl distinct.jsonl
    """
    alike.check()
    encoding = (rows.encoding or "").lower().replace("-", "")
    if encoding.startswith(("utf16", "utf32")):
        raise ArgumentError(
            f"--encoding {rows.encoding}: lines of UTF-16 and UTF-32 are not copied; save IN as UTF-8 first"
        )
    from ...pairs import dedupe_file  # not for --help

    find = partial(alike.find, progress=sys.stderr.isatty() and not as_json)
    reader = rows.read_from(str(source), keep_copies=True)
    with saying(unless_written(target)):
        done = dedupe_file(source, target, reader, find, format=rows.format, overwrite=overwrite)
    _print_dropped(done, target, as_json=as_json)
    say_left_out(reader)


def _print_groups(duplicates: "Duplicates", *, as_json: bool) -> None:
    console = Console()
    for group in duplicates:
        if as_json:
            print_json(_group_record(group))
            continue
        for number, (document, score) in enumerate(zip(group.documents, group.scores, strict=True)):
            start = "" if number == 0 else "  equal  " if number < group.equal else f"  {score:.4f} "
            console.print(plain(f"{start}{document.id}  {snippet(document.passage)}"), soft_wrap=True)
    if as_json:
        print_json({"documents": duplicates.documents, "groups": len(duplicates), "extra": duplicates.extra})
        return
    said = f"{counted(duplicates.documents, 'document')}, {counted(len(duplicates), 'group')} of duplicates"
    Console(stderr=True).print(plain(f"{said}; {duplicates.extra:,} can be dropped"), soft_wrap=True)


def _group_record(group: "DuplicateGroup") -> dict[str, object]:
    verified = group.verified or (None,) * len(group)
    rows = zip(group.documents, group.scores, verified, strict=True)
    return {
        "representative": group.representative.id,
        "documents": [
            {
                "id": document.id,
                "title": document.title,
                "text": document.text,
                "score": score,
                "verified": verification,
                "is_equal": number < group.equal,
            }
            for number, (document, score, verification) in enumerate(rows)
        ],
    }


def _print_pairs(duplicates: "Duplicates", *, as_json: bool) -> None:
    console = Console()
    for pair in duplicates.pairs:
        if as_json:
            print_json(pair)
        else:
            console.print(plain(f"{pair.score:.4f}  {pair.first} | {pair.second}"), soft_wrap=True)
    if as_json:
        print_json({"documents": duplicates.documents, "pairs": len(duplicates.pairs)})
    else:
        said = f"{counted(duplicates.documents, 'document')}, {counted(len(duplicates.pairs), 'pair')}"
        Console(stderr=True).print(plain(said), soft_wrap=True)


def _print_dropped(done: "Deduplicated", target: Path, *, as_json: bool) -> None:
    if as_json:
        for row in done.dropped:
            print_json(row)
        print_json({"documents": done.documents, "kept": done.kept, "dropped": len(done.dropped), "path": str(target)})
        return
    console = Console()
    for row in done.dropped[:SHOWN]:
        why = "equal" if row.is_equal else f"{row.score:.4f}"
        console.print(plain(f"left out {row.id} (row at {row.line}): {why} to {row.kept}"), soft_wrap=True)
    if len(done.dropped) > SHOWN:
        console.print(plain(f"... and {len(done.dropped) - SHOWN:,} more; --json lists all"), soft_wrap=True)
    said = f"Wrote {done.kept:,} of {counted(done.documents, 'document')} to {target}"
    console.print(plain(f"{said}; left out {counted(len(done.dropped), 'duplicate')}"), soft_wrap=True)
