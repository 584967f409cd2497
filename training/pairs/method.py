"""What is learned of pairs of texts, and the pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ...errors import ArgumentError
from ..settings import LoraSettings

PairTask = Literal["similarity", "paraphrase", "entailment"]
"""similarity is a number for each pair, paraphrase yes or no, entailment one of several labels."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two texts, and what a person said of them.

    Attributes:
        first: The first text.
        second: The second text.
        target: A number from 0 to 1; for entailment the number of the label.
    """

    first: str
    second: str
    target: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMethod:
    """How to train a model of pairs.

    Args:
        task: What is learned. The order of the texts matters for entailment alone: for the other tasks each pair is
            shown in both orders.
        labels: The labels of entailment, in the order of their numbers.
        lora: The adapters to train; None trains all parameters.

    Raises:
        ArgumentError: The task is unknown, or labels are too few, repeated, or given for another task.
    """

    task: PairTask = "similarity"
    labels: tuple[str, ...] = ()
    lora: LoraSettings | None = None

    def __post_init__(self) -> None:
        if self.task not in get_args(PairTask):
            raise ArgumentError(f"task must be one of {', '.join(get_args(PairTask))}, not {self.task!r}")
        if self.task == "entailment":
            if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
                raise ArgumentError(f"labels of entailment must be two or more different ones, not {list(self.labels)}")
        elif self.labels:
            raise ArgumentError(f"labels are for entailment, not for {self.task}: leave {list(self.labels)} out")

    @property
    def outputs(self) -> int:
        """The number of outputs of the model."""
        return len(self.labels) or 1


def check_judged(pairs: Sequence[JudgedPair], method: PairMethod) -> None:
    """Check the texts and the targets of pairs.

    Raises:
        ArgumentError: A text is empty, or a target is out of its range.
    """
    for number, pair in enumerate(pairs):
        if not pair.first.strip() or not pair.second.strip():
            raise ArgumentError(f"pair {number} has an empty text: {(pair.first, pair.second)!r:.120}; remove it")
        if not _is_target(pair.target, method):
            valid = f"a whole number below {len(method.labels)}" if method.labels else _RANGES[method.task]
            raise ArgumentError(f"the target of pair {number} is {pair.target!r}, and must be {valid}")


def require_differences(pairs: Sequence[JudgedPair]) -> None:
    """Raise ``ArgumentError`` where there are no pairs to learn from, or all have the same target."""
    if not pairs:
        raise ArgumentError("there are no pairs to train on: give at least two, with different targets")
    if len({pair.target for pair in pairs}) == 1:
        raise ArgumentError(f"all {len(pairs)} pairs have the target {pairs[0].target!r}: there is nothing to learn")


_RANGES = {"similarity": "from 0 to 1", "paraphrase": "0 or 1"}


def _is_target(target: float, method: PairMethod) -> bool:
    if method.task == "similarity":
        return 0 <= target <= 1
    return target in range(max(2, len(method.labels)))
