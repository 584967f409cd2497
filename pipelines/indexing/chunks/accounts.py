"""Puts together what the processes that wrote chunks have noted of the parts of the source."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from ....errors import IndexCorrupt
from ....index import LeftOut, SourceReport
from ....index.sources import BadRow, SourceFile, SourcePart, joined
from ....index.staging import SealedChunk


@dataclass(frozen=True, slots=True)
class _Details:
    report: SourceReport
    bad: list[BadRow]


_DETAILS = TypeAdapter(_Details)


def account_of(parts: Sequence[SourcePart], chunks: Iterable[SealedChunk]) -> tuple[SourceReport, list[BadRow]]:
    """Return one report of a source, and its bad rows.

    Args:
        parts: The parts of the source.
        chunks: The chunk of each.

    Raises:
        IndexCorrupt: What a chunk has noted is no account.
    """
    details = [_details(chunk) for chunk in chunks]
    files = {entry.path for part in parts for entry in part.entries if isinstance(entry, SourceFile)}
    report = replace(joined(found.report for found in details), files=len(files))
    return report, [row for found in details for row in found.bad]


def without_copies(report: SourceReport, copies: int) -> SourceReport:
    """Return a report in which some documents are copies that were left out."""
    if not copies:
        return report
    before = next((entry for entry in report.left_out if entry.kind == "duplicate"), LeftOut("duplicate", 0, ()))
    others = [entry for entry in report.left_out if entry.kind != "duplicate"]
    left_out = (*others, replace(before, count=before.count + copies))
    return replace(report, documents=report.documents - copies, ids_made=report.ids_made - copies, left_out=left_out)


def _details(chunk: SealedChunk) -> _Details:
    try:
        return _DETAILS.validate_python(cast("Mapping[str, Any]", chunk.account.details))
    except ValidationError as error:
        raise IndexCorrupt(
            f"the chunk {chunk.name} has no account of its source: {error.errors()[0]!r:.200}"
        ) from error
