"""Coverage: how much of an index an answer is of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of an index an answer is of.

    Attributes:
        shards: The shards of the index.
        missing: The numbers of those that did not answer, from 0.
        documents: The documents of the others.
        documents_total: The documents of the index.
    """

    shards: int
    missing: tuple[int, ...]
    documents: int
    documents_total: int

    @property
    def complete(self) -> bool:
        """Whether every shard answered."""
        return not self.missing
