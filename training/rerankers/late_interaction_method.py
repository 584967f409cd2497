"""How a late-interaction reranker is trained."""

import sys
from dataclasses import dataclass, field

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_flag, checked_instance, checked_number
from .reranker_method import Sampling

MOST_DIMENSIONS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LateInteractionMethod:
    """How to train a late-interaction reranker.

    Args:
        layer: How many of the first layers of the encoder run.
        dim: The length of a token vector, which takes as many bytes.
        graded: Relevant passages weigh 2^grade - 1 instead of 1.
        prior_weight: The weight of the prior scores of a list, which are added to the model's scores, so that it learns
            what the first stage does not know; 0 for lists without them.
        sampling: Which passages of a list a step uses.

    Raises:
        ArgumentError: A value is out of its range.
    """

    layer: int = 4
    dim: int = 64
    graded: bool = False
    prior_weight: float = 2.0
    sampling: Sampling = field(default_factory=lambda: Sampling(hard=0, other=15, hard_depth=0))

    def __post_init__(self) -> None:
        checked_count(self.layer, "layer")
        if checked_count(self.dim, "dim") > MOST_DIMENSIONS:
            raise ArgumentError(f"dim must be at most {MOST_DIMENSIONS}, not {self.dim}")
        checked_flag(self.graded, "graded")
        checked_number(self.prior_weight, "prior_weight", -sys.float_info.max, sys.float_info.max)
        checked_instance(self.sampling, Sampling, "sampling")
