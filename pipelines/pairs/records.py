"""What is found among documents that are compared with each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...index import Document


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Documents that say the same.

    Attributes:
        documents: The documents: the representative, those with the same text, then the others, the most similar first.
        scores: The cosine of each with the representative, 1 for the same text.
        verified: What the reranker gave for each with the representative, 1 for the same text; None without a reranker.
        equal: How many of the documents, the representative included, have its very text.
    """

    documents: tuple[Document, ...]
    scores: tuple[float, ...]
    verified: tuple[float, ...] | None
    equal: int

    @property
    def representative(self) -> Document:
        """The document that is most like the others; of those with its text, the one with the first id."""
        return self.documents[0]

    @property
    def duplicates(self) -> tuple[Document, ...]:
        """All others."""
        return self.documents[1:]

    def __len__(self) -> int:
        return len(self.documents)


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two texts that are alike, by a document that has each.

    Attributes:
        first: The id of the one document.
        second: The id of the other.
        score: The cosine.
        verified: What the reranker gave; None without one.
    """

    first: str
    second: str
    score: float
    verified: float | None


@dataclass(frozen=True, slots=True)
class Duplicates(Sequence[DuplicateGroup]):
    """The groups of duplicates, the largest first, and what they were found among.

    Attributes:
        groups: The groups.
        pairs: The pairs of different texts that are alike, the most similar first.
        documents: How many documents were compared.
        texts: How many different texts they have.
    """

    groups: tuple[DuplicateGroup, ...]
    pairs: tuple[SimilarPair, ...]
    documents: int
    texts: int

    @property
    def extra(self) -> int:
        """How many documents are left over if one of each group is kept."""
        return sum(len(group) - 1 for group in self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, number: int) -> DuplicateGroup:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.groups[number]

    def __iter__(self) -> Iterator[DuplicateGroup]:
        return iter(self.groups)
