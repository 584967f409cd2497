"""LanceOptions: how LanceDB searches a table."""

from dataclasses import dataclass

from ....errors import ArgumentError
from ....errors.arguments import checked_count, checked_flag


@dataclass(frozen=True, slots=True)
class LanceOptions:
    """How LanceDB searches a table.

    Attributes:
        nprobes: Partitions of a vector index that are searched; None is its default.
        refine_factor: So many times more candidates are ordered by their whole vectors; None orders none.
        exact: Whether all vectors are compared, past a vector index.
        hybrid: Whether its full-text index is searched too. LanceDB joins both by reciprocal ranks.
    """

    nprobes: int | None = None
    refine_factor: int | None = None
    exact: bool = False
    hybrid: bool = False

    def __post_init__(self) -> None:
        for name in ("nprobes", "refine_factor"):
            if getattr(self, name) is not None:
                checked_count(getattr(self, name), name)
        checked_flag(self.exact, "exact")
        checked_flag(self.hybrid, "hybrid")
        if self.exact and self.nprobes is not None:
            raise ArgumentError(f"exact=True compares all vectors, so that nprobes={self.nprobes} says nothing")
