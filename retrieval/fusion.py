"""Fusion: a dense and a lexical score of each candidate to one. Knows no index. STAND-IN."""
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Fusion(Protocol):
    def fuse(self, dense: Floats, lexical: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class NormalisedSum:
    lexical_weight: float = 0.3

    def fuse(self, dense: Floats, lexical: Floats) -> Floats:
        def unit(values: Floats) -> Floats:
            low, high = values.min(), values.max()
            return (values - low) / (high - low) if high > low else np.zeros_like(values)
        return self.lexical_weight * unit(lexical) + (1 - self.lexical_weight) * unit(dense)


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    k: int = 60

    def fuse(self, dense: Floats, lexical: Floats) -> Floats:
        def ranks(values: Floats) -> Floats:
            return (np.argsort(np.argsort(-values, kind="stable"), kind="stable") + 1).astype(np.float64)
        return 1 / (self.k + ranks(dense)) + 1 / (self.k + ranks(lexical))
