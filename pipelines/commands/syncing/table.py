"""The table of what ``bicross sync`` did."""

from rich.table import Table

from ...indexing import SyncReport
from ..terminal import plain

_SAID = {
    "added": "added",
    "changed": "replaced: title or text changed",
    "metadata": "metadata replaced, not embedded again",
    "deleted": "deleted",
    "kept": "kept: in a file that cannot be read",
    "unchanged": "unchanged",
}


def sync_table(report: SyncReport) -> Table:
    """Return the table: for each thing that was done the number of documents, and the ids of the first few."""
    table = Table()
    table.add_column("documents", justify="right")
    table.add_column("")
    table.add_column("such as", overflow="fold")
    for part, said in _SAID.items():
        count = getattr(report, part)
        if count:
            examples = report.examples.get(part, ())
            more = ", ..." if examples and count > len(examples) else ""
            table.add_row(f"{count:,}", said, plain(", ".join(examples) + more))
    return table
