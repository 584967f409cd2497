"""Checkpoints of the training of a reader: the trained parameters, the state of AdamW, and how far it is.

A checkpoint is written into a temporary folder and then renamed, so that every ``checkpoint-N`` is complete.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import nn

from ...errors import TrainingError
from ..checkpoints import checkpoint_at, load_trained, newest_checkpoint, put_in_place, save_trained
from ..output_folder import WRITE_ERRORS, WRITING
from ..record import QUALITY, Evaluated, TrainingRecord

_OPTIMIZER = "optimizer.safetensors"
_PROGRESS = "progress.json"


@dataclass(slots=True)
class Progress:
    """How far a training is: the steps done, mean losses and evaluations, each with its step."""

    step: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    evaluations: list[dict[str, float]] = field(default_factory=list[dict[str, float]])

    @property
    def best_step(self) -> int:
        """The step of the best evaluation, the first of equals; without evaluations the last step."""
        if not self.evaluations:
            return self.step
        return int(max(self.evaluations, key=lambda entry: entry[QUALITY])["step"])

    def record(self) -> TrainingRecord:
        """The record for what is done."""
        evaluations: tuple[Evaluated, ...] = tuple(self.evaluations)
        return TrainingRecord(self.step, self.best_step, tuple(self.losses), evaluations)


def save_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write a checkpoint, and remove older ones but the best.

    Args:
        folder: The folder of the checkpoints.
        model: The model, of which the trained parameters are kept.
        optimizer: The AdamW.
        progress: How far the training is.

    Raises:
        TrainingError: It cannot be written.
    """
    writing = folder / WRITING
    shutil.rmtree(writing, ignore_errors=True)
    try:
        inside = checkpoint_at(writing, progress.step)
        save_trained(model, inside)
        states: dict[str, torch.Tensor] = {
            f"{number} {name}": torch.as_tensor(value).detach().cpu().contiguous()
            for number, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        save_file(states, inside / _OPTIMIZER)
        fields = {"step": progress.step, "losses": progress.losses, "evaluations": progress.evaluations}
        (inside / _PROGRESS).write_text(json.dumps(fields) + "\n", encoding="utf-8")
        put_in_place(writing, progress.best_step)
    except WRITE_ERRORS as error:
        shutil.rmtree(writing, ignore_errors=True)
        reason = f"the checkpoint of step {progress.step} cannot be written: {str(error).splitlines()[0]}"
        raise TrainingError(
            f"{reason}. Earlier ones in {folder} are complete: free disk space and run the same again"
        ) from error


def load_newest(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress | None:
    """Load the newest checkpoint into a model and its AdamW; return how far it is, or None if there is none."""
    newest = newest_checkpoint(folder)
    if newest is None:
        return None
    load_trained(model, newest)
    states: dict[int, dict[str, Any]] = {}
    for key, value in load_file(newest / _OPTIMIZER).items():
        number, _, name = key.partition(" ")
        states.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    fields: dict[str, Any] = json.loads((newest / _PROGRESS).read_text(encoding="utf-8"))
    return Progress(fields["step"], [(step, loss) for step, loss in fields["losses"]], fields["evaluations"])


def load_best(folder: Path, model: nn.Module, step: int) -> None:
    """Load the trained parameters of the checkpoint of a step."""
    load_trained(model, checkpoint_at(folder, step))
