"""The record that every trainer learns from and is evaluated on: a query with passages and their labels."""

from dataclasses import dataclass

from ..errors import ArgumentError


@dataclass(frozen=True, slots=True)
class RankingList:
    """A query and the passages to rank for it.

    Args:
        query: The text of the query.
        passages: The texts of the passages.
        labels: A number for each passage: a grade, of which 0 is not relevant, or a teacher's score.
        prior: The first-stage score of each passage, to which the reranker's is added in a search; empty: none.
        missing: For evaluation, the grades of judged documents that are not among the passages: they count in the
            ideal ranking.
    """

    query: str
    passages: tuple[str, ...]
    labels: tuple[float, ...]
    prior: tuple[float, ...] = ()
    missing: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.passages) or len(self.prior) not in (0, len(self.passages)):
            raise ArgumentError(
                f"the list of {self.query[:60]!r} has {len(self.passages)} passages, {len(self.labels)} labels and "
                f"{len(self.prior)} prior scores; give a label for each passage, and as many prior scores or none"
            )
