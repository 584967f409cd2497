"""STAND-IN."""

from collections.abc import Sequence

from ..index import Hit, Index, Predicate


class LexicalRetriever:
    """STAND-IN."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """STAND-IN."""
        raise NotImplementedError
