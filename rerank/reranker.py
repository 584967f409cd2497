"""The Reranker protocol: (query, passage) pairs to scores. Knows no model."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pair = tuple[str, str]
"""A query and the text of a passage."""


class Reranker(Protocol):
    """Stage two of a pipeline."""

    @property
    def blend(self) -> float:
        """The weight of the reranker's scores against stage one's that the model works best with; 1.0 is it alone."""
        ...

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """A logit for each pair, shape (len(pairs),), higher is better; it depends on no other pair."""
        ...
