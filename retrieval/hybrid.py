"""STAND-IN."""

from collections.abc import Sequence

from ..index import Hit, Index, Predicate
from .encoder import Encoder
from .fusion import Fusion, NormalisedSum


class HybridRetriever:
    """STAND-IN."""

    def __init__(self, index: Index, encoder: Encoder, fusion: Fusion | None = None) -> None:
        self.index = index
        self.encoder = encoder
        self.fusion = fusion or NormalisedSum()

    def candidates(self, queries: Sequence[str], k: int, where: Predicate | None = None) -> list[list[Hit]]:
        """STAND-IN."""
        raise NotImplementedError

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """STAND-IN."""
        raise NotImplementedError
