"""What shards find: documents by their places, and the best of all shards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reading import BestRows
from ..segments import Segment
from .parts import Part

DocumentPlace = tuple[int, int]
"""The number of a segment in the generation, and the row of a document in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The documents that one query found in one shard, best first; equal scores by id. All of one length.

    Attributes:
        scores: Their scores; float32 of vectors, float64 of BM25.
        segments: The numbers of their segments in the generation.
        rows: The rows of their best passages.
        documents: Their own rows.
        ids: Their ids, which decide between equal scores of different shards.
    """

    scores: NDArray[Any]
    segments: NDArray[np.int64]
    rows: NDArray[np.int64]
    documents: NDArray[np.int64]
    ids: Sequence[str]

    @classmethod
    def of(cls, part: Part, best: BestRows) -> "Found":
        """Name the rows that a search of a part found so that everybody knows them."""
        views = part.snapshot.views
        documents = np.empty(len(best), np.int64)
        ids = [""] * len(best)
        numbers: list[int] = np.unique(best.views).tolist()
        for number in numbers:
            segment: Segment = views[number].segment
            places = np.flatnonzero(best.views == number)
            places = places[np.argsort(best.rows[places], kind="stable")]  # ids are read by ascending rows
            documents[places] = segment.document_rows[best.rows[places]]
            for place, id_ in zip(places.tolist(), segment.ids_of(documents[places].tolist()), strict=True):
                ids[place] = id_
        return cls(best.scores, part.first + best.views, best.rows, documents, ids)


@dataclass(frozen=True, slots=True)
class Place:
    """A document that was found.

    Attributes:
        score: Its score.
        id: Its id.
        segment: The number of its segment in the generation.
        row: The row of its best passage.
        document: Its own row.
    """

    score: float
    id: str
    segment: int
    row: int
    document: int

    @property
    def key(self) -> DocumentPlace:
        """Where the document is."""
        return self.segment, self.document


def best_of(found: Iterable[Found], k: int) -> list[Place]:
    """Return the best ``k`` documents that one query found in several shards, best first; equal scores by id."""
    places: list[Place] = []
    for of_shard in found:
        columns = (of_shard.segments.tolist(), of_shard.rows.tolist(), of_shard.documents.tolist())
        places += map(Place, of_shard.scores.tolist(), of_shard.ids, *columns)
    return sorted(places, key=lambda place: (-place.score, place.id))[:k]
