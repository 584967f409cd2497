"""What shards are asked for by ids, and about all documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..document import Document, Passage
from ..reading import BM25, LexicalSearch, TermStatistics, View
from .filters import TypedFilter, masks_of
from .found import DocumentPlace
from .parts import Part
from .requests import best_score

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Held(Generic[Value]):
    """What a shard has of one of the ids that it was asked for.

    Attributes:
        position: The position of the id.
        place: Where the document is.
        value: What was asked for.
    """

    position: int
    place: DocumentPlace
    value: Value


def _held(part: Part, ids: Sequence[str]) -> list[tuple[int, View, DocumentPlace]]:
    """The positions of the ids that the part has, with the places of the documents."""
    return [
        (position, view, (part.first + number, entry.row))
        for number, view in enumerate(part.snapshot.views)
        for position, entry in enumerate(view.find(ids))
        if entry is not None
    ]


@dataclass(frozen=True, slots=True)
class GetDocuments:
    """Asks for the documents of some ids."""

    ids: Sequence[str]

    def of(self, part: Part) -> list[Held[Document]]:
        """Return those that the part has."""
        return [
            Held(position, place, view.segment.document(place[1])) for position, view, place in _held(part, self.ids)
        ]


@dataclass(frozen=True, slots=True)
class GetVectors:
    """Asks for the vectors of the passages of some documents."""

    ids: Sequence[str]

    def of(self, part: Part) -> list[Held[NDArray[np.float32]]]:
        """Return those that the part has, each of shape (passages, dimension)."""
        held = _held(part, self.ids)
        spans = [view.segment.passage_rows(place[1], place[1] + 1) for _, view, place in held]
        return [
            Held(position, place, view.segment.vectors.vectors(*span))
            for (position, view, place), span in zip(held, spans, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class GetPassages:
    """Asks for the passages of some documents."""

    ids: Sequence[str]

    def of(self, part: Part) -> list[Held[list[Passage]]]:
        """Return those that the part has."""
        return [
            Held(position, place, view.segment.passages([place[1]], [view.segment.document(place[1])])[0])
            for position, view, place in _held(part, self.ids)
        ]


@dataclass(frozen=True, slots=True)
class ScoreTerms:
    """Asks for the BM25 score of some documents; see ``Index.term_scores``."""

    ids: Sequence[str]
    query: Sequence[str]
    weights: BM25
    statistics: TermStatistics

    def of(self, part: Part) -> list[Held[float]]:
        """Return those that the part has."""
        held = _held(part, self.ids)
        scores = LexicalSearch(part.snapshot, self.weights, masks_of(part, None), self.statistics).scores(self.query)
        return [Held(position, place, best_score(part, scores, place)) for position, _, place in held]


@dataclass(frozen=True, slots=True)
class CountDocuments:
    """Asks how many documents match a filter."""

    where: TypedFilter

    def of(self, part: Part) -> int:
        """Return those of the part."""
        return sum(int(mask.sum()) for mask in self.where.masks(part) if mask is not None)


@dataclass(frozen=True, slots=True)
class SampleDocuments:
    """Asks for each ``step``-th live document, from the one at ``begin`` on."""

    begin: int
    step: int

    def of(self, part: Part) -> list[Document]:
        """Return those of the part."""
        return part.snapshot.every(self.step, self.begin)
