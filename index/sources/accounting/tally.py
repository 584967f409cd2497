"""Tally: counts while a source is read."""

from typing import get_args

from ....errors.counts import counted
from .report import EXAMPLES, LeftOut, LeftOutKind, SourceReport

NOTES = 20
"""Notes that a report gives."""


class Tally:
    """What one reading of a source has come to so far."""

    def __init__(self) -> None:
        self.files = 0
        self.documents = 0
        self.ids_made = 0
        self.bad = 0
        self.first_problem = ""
        self._counts: dict[LeftOutKind, int] = {}
        self._examples: dict[LeftOutKind, list[str]] = {}
        self._notes: list[str] = []
        self._more_notes = 0

    @property
    def left_out(self) -> int:
        """How many rows, files and folders were left out."""
        return sum(self._counts.values())

    def leave_out(self, kind: LeftOutKind, name: str, *, count: int = 1) -> None:
        """Count what was left out, and remember its name if it is one of the first."""
        self._counts[kind] = self._counts.get(kind, 0) + count
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(name)

    def note(self, note: str) -> None:
        """Keep a note for the report."""
        if len(self._notes) < NOTES:
            self._notes.append(note)
        else:
            self._more_notes += 1

    def report(self) -> SourceReport:
        """Return what was counted."""
        order = {kind: position for position, kind in enumerate(get_args(LeftOutKind))}
        kinds = sorted(self._counts, key=lambda kind: order[kind])
        more = (counted(self._more_notes, "more such note"),) if self._more_notes else ()
        return SourceReport(
            files=self.files,
            found=self.documents + self.left_out,
            documents=self.documents,
            ids_made=self.ids_made,
            left_out=tuple(LeftOut(kind, self._counts[kind], tuple(self._examples[kind])) for kind in kinds),
            notes=(*self._notes, *more),
        )
