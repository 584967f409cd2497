"""The record that every trainer learns from and is evaluated on: a query with passages and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ..errors import ArgumentError
from ..errors.arguments import checked_instance, checked_items, checked_numbers, checked_texts, described


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
        checked_texts([self.query], "query")
        checked_texts(self._given("passages"), "passages")
        for name in ("labels", "prior", "missing"):
            if checked_numbers(self._given(name), name).ndim != 1:
                raise ArgumentError(f"{name} must be a list of numbers, not {described(getattr(self, name))}")
        if len(self.labels) != len(self.passages) or len(self.prior) not in (0, len(self.passages)):
            raise ArgumentError(
                f"the list of {self.query[:60]!r} has {len(self.passages)} passages, {len(self.labels)} labels and "
                f"{len(self.prior)} prior scores; give a label for each passage, and as many prior scores or none"
            )

    def _given(self, name: str) -> object:
        """A field that must be a sequence, because it is read more than once."""
        value: object = getattr(self, name)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ArgumentError(f"{name} must be a tuple, not {described(value)}")
        return cast("object", value)


def checked_lists(lists: object, name: str = "lists") -> list[RankingList]:
    """Return ranking lists; raise ``ArgumentError`` for anything else."""
    return [
        checked_instance(item, RankingList, f"each of {name}") for item in checked_items(lists, name, "RankingLists")
    ]
