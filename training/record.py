"""The record of a training, read from the state that a trainer of transformers saves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

QUALITY = "quality"
"""The key of an evaluation by which checkpoints are compared; higher is better."""
Evaluated = Mapping[str, float]
"""The values of an evaluation by name, with ``QUALITY`` among them."""

_PREFIX = "eval_"
_SPEEDS = tuple(_PREFIX + name for name in ("runtime", "samples_per_second", "steps_per_second"))


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How a training went.

    Args:
        steps: The number of steps.
        best_step: The step of the saved weights.
        losses: Pairs of a step and the mean loss since the last one.
        evaluations: The evaluations, each with its "step".
    """

    steps: int
    best_step: int
    losses: tuple[tuple[int, float], ...]
    evaluations: tuple[Evaluated, ...]

    @property
    def best(self) -> Evaluated | None:
        """The evaluation of the saved weights; None if nothing was evaluated."""
        return next((entry for entry in self.evaluations if entry["step"] == self.best_step), None)


def record_of(state: Mapping[str, Any]) -> TrainingRecord:
    """Return the record that is in the state of the last checkpoint."""
    history = state["log_history"]
    return TrainingRecord(
        steps=state["global_step"],
        best_step=state["best_global_step"] or state["global_step"],
        losses=tuple((entry["step"], entry["loss"]) for entry in history if "loss" in entry),
        evaluations=tuple(_evaluated(entry) for entry in history if _PREFIX + QUALITY in entry),
    )


def has_ended(state: Mapping[str, Any], patience: int) -> bool:
    """Return whether a resumed run has nothing left to train: it may have been killed after its last checkpoint."""
    return state["global_step"] >= state["max_steps"] or patience_is_over(state["log_history"], patience)


def patience_is_over(history: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Return whether ``patience`` evaluations or more came after the best one, the first of equals."""
    qualities = numbers(history, _PREFIX + QUALITY)
    return bool(qualities) and len(qualities) - 1 - qualities.index(max(qualities)) >= patience


def numbers(history: Sequence[Mapping[str, float]], name: str) -> list[float]:
    """Return the values that were logged under a name, in order."""
    return [entry[name] for entry in history if name in entry]


def _evaluated(entry: Mapping[str, float]) -> Evaluated:
    values = {name: value for name, value in entry.items() if name.startswith(_PREFIX) and name not in _SPEEDS}
    return {"step": entry["step"]} | {name.removeprefix(_PREFIX): value for name, value in values.items()}
