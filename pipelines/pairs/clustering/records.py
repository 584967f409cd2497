"""What is found of documents that belong together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....index import Document


@dataclass(frozen=True, slots=True)
class Cluster:
    """Documents that are about the same.

    Attributes:
        terms: Words that set the cluster apart from the others, the most telling first; none where no text has words.
        medoid: The document that is most like all of them together.
        ids: The ids of the documents, those most like the medoid first; the first is that of the medoid.
        scores: The cosine of each with the medoid, 1 for the same text.
        similarity: The mean cosine of all pairs of the documents.
    """

    terms: tuple[str, ...]
    medoid: Document
    ids: tuple[str, ...]
    scores: tuple[float, ...]
    similarity: float

    @property
    def label(self) -> str:
        """The terms in one line; where there are none, the id of the medoid."""
        return ", ".join(self.terms) or self.medoid.id

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Clusters(Sequence[Cluster]):
    """The clusters, the largest first, and what is in none.

    Attributes:
        clusters: The clusters.
        unclustered: The ids of the documents that are in none, in order.
        documents: How many documents were compared.
    """

    clusters: tuple[Cluster, ...]
    unclustered: tuple[str, ...]
    documents: int

    def __len__(self) -> int:
        return len(self.clusters)

    def __getitem__(self, number: int) -> Cluster:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.clusters[number]

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self.clusters)
