"""SourceReport: what was read of a source, and what was left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

EXAMPLES = 5
"""Names that a report gives for each reason."""

LeftOutKind: TypeAlias = Literal[
    "row",
    "empty",
    "encoding",
    "size",
    "damaged",
    "file",
    "json",
    "name",
    "duplicate",
    "ending",
    "hidden",
    "link",
    "special",
    "extra",
    "ignored",
    "own",
    "beside",
]
"""Why something was left out.

- ``row``: a bad row.
- ``empty``: a text file without text.
- ``encoding``: a text in another encoding.
- ``size``: a text that is too large for one document, or a file that is beyond another limit.
- ``damaged``: a file that is damaged or encrypted, or is not what its name says.
- ``file``: a file or folder that cannot be read.
- ``json``: a JSON file in a folder in which no object has a text, such as the settings of a program.
- ``name``: a text file whose name, which is its id, is not UTF-8.
- ``duplicate``: the title, text and metadata of another document, where ids are made from them.
- ``ending``: a file of a kind that is not read.
- ``hidden``: a name that begins with a dot.
- ``link``: a link that leads nowhere, out of the folder, or to a folder.
- ``special``: a pipe, socket or device.
- ``extra``: a file of a kind that needs ``pip install 'bicross[files]'``.
- ``ignored``: a file or folder that a ``.gitignore`` names.
- ``own``: an index, or a list of bad rows.
- ``beside``: a file beside the ``corpus.jsonl`` of a BEIR folder.
"""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was left out for one reason.

    Attributes:
        kind: The reason.
        count: How many rows, files or folders.
        examples: The names of the first few; a row is named by its file and line.
    """

    kind: LeftOutKind
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What was read of a source. ``found`` is the sum of ``documents`` and of all that was left out.

    Attributes:
        files: How many files were read.
        found: Rows of those files, where a text is one row, and the files and folders that were not read.
        documents: How many documents were read.
        ids_made: How many of them got an id that was made from title and text, because they came without one.
        left_out: What was left out, by reason.
        notes: What else there is to know about how files were read.
    """

    files: int
    found: int
    documents: int
    ids_made: int = 0
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row or a file that was left out because it is bad: see ``ErrorLog.write``."""

    source: str | None
    line: int | None
    reason: str
    unit: str = "line"


def joined(reports: Iterable[SourceReport]) -> SourceReport:
    """Return one report of several parts of a source; a file that is in several parts counts in each."""
    files = found = documents = ids_made = 0
    left_out: dict[LeftOutKind, LeftOut] = {}
    notes: dict[str, None] = {}
    for report in reports:
        files, found = files + report.files, found + report.found
        documents, ids_made = documents + report.documents, ids_made + report.ids_made
        notes.update(dict.fromkeys(report.notes))
        for entry in report.left_out:
            before = left_out.get(entry.kind, LeftOut(entry.kind, 0, ()))
            examples = (*before.examples, *entry.examples)[:EXAMPLES]
            left_out[entry.kind] = LeftOut(entry.kind, before.count + entry.count, examples)
    kinds = [left_out[kind] for kind in get_args(LeftOutKind) if kind in left_out]
    return SourceReport(files, found, documents, ids_made, tuple(kinds), tuple(notes))
