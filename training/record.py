"""How a training went, read from the state that a trainer of transformers writes. Knows no model and no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

QUALITY = "quality"
"""The measure, among those of an evaluation, by which checkpoints are compared; higher is better."""
Evaluated = Mapping[str, float]
"""What an evaluation found, by name; one of the names is ``QUALITY``."""

_PREFIX = "eval_"
_SPEEDS = tuple(_PREFIX + name for name in ("runtime", "samples_per_second", "steps_per_second"))


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How a training went: ``losses`` are pairs of a step and the mean loss since the last; evaluations have a "step".

    ``best_step`` is that of the weights that were kept.
    """

    steps: int
    best_step: int
    losses: tuple[tuple[int, float], ...]
    evaluations: tuple[Evaluated, ...]

    @property
    def best(self) -> Evaluated | None:
        """The evaluation of the weights that were kept; None where nothing was evaluated."""
        return next((found for found in self.evaluations if found["step"] == self.best_step), None)


def record_of(state: Mapping[str, Any]) -> TrainingRecord:
    """What the state of the last checkpoint says."""
    history = state["log_history"]
    return TrainingRecord(
        steps=state["global_step"],
        best_step=state["best_global_step"] or state["global_step"],
        losses=tuple((entry["step"], entry["loss"]) for entry in history if "loss" in entry),
        evaluations=tuple(_evaluated(entry) for entry in history if _PREFIX + QUALITY in entry),
    )


def has_ended(state: Mapping[str, Any], patience: int) -> bool:
    """Whether a run that is taken up from here has nothing to do: it may have been killed after its last checkpoint."""
    return state["global_step"] >= state["max_steps"] or patience_is_over(state["log_history"], patience)


def patience_is_over(history: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Whether so many evaluations, or more, came after the best one; of equals the first is the best."""
    found = numbers(history, _PREFIX + QUALITY)
    return bool(found) and len(found) - 1 - found.index(max(found)) >= patience


def numbers(history: Sequence[Mapping[str, float]], name: str) -> list[float]:
    """What was logged under a name, in order."""
    return [entry[name] for entry in history if name in entry]


def _evaluated(entry: Mapping[str, float]) -> Evaluated:
    found = {name: value for name, value in entry.items() if name.startswith(_PREFIX) and name not in _SPEEDS}
    return {"step": entry["step"]} | {name.removeprefix(_PREFIX): value for name, value in found.items()}
