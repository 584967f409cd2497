"""Atomic checkpoints of a training.

A checkpoint is written into a temporary folder and then renamed, so that every ``checkpoint-N`` is complete. It holds
only the trained parameters, in float32, and what transformers' trainer keeps of the optimizer and of its own state.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import nn

from ..errors import TrainingError
from ..errors.arguments import checked_path
from .environment import is_main_process
from .output_folder import WRITE_ERRORS, WRITING

_TRAINED = "trained.safetensors"
_CALLED = re.compile(r"checkpoint-(\d+)")
_KEPT = 2  # the newest ones; the best one is kept as well


class AtomicCheckpoints:
    """A mixin for trainers of sentence-transformers, listed before them: atomic checkpoints, and no model card."""

    args: Any
    accelerator: Any
    model: Any
    state: Any

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add nothing: the pipelines, which know the data, write the model cards."""

    def _get_output_dir(self, trial: object) -> str:
        return str(Path(self.args.output_dir) / WRITING)

    def _save_checkpoint(self, model: object, trial: object) -> None:
        writing = Path(self._get_output_dir(trial))
        if is_main_process():
            shutil.rmtree(writing, ignore_errors=True)  # left by a run that was killed
        self.accelerator.wait_for_everyone()
        try:
            super()._save_checkpoint(model, trial)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            self.accelerator.wait_for_everyone()
            if is_main_process():
                put_in_place(writing, self.state.best_global_step)
        except WRITE_ERRORS as error:
            shutil.rmtree(writing, ignore_errors=True)
            reason = f"the checkpoint of step {self.state.global_step} cannot be written: {str(error).splitlines()[0]}"
            raise TrainingError(
                f"{reason}. Earlier ones in {writing.parent} are complete: free disk space and run the same again"
            ) from error
        self.state.best_model_checkpoint = None  # the best one is found by its step

    def _save(self, output_dir: str, state_dict: object = None) -> None:
        save_trained(self.model, Path(output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: object = None) -> None:
        load_trained(self.model, Path(resume_from_checkpoint))


def save_trained(model: nn.Module, folder: Path) -> None:
    """Write the trained parameters of a model into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: parameter.detach().cpu().contiguous() for name, parameter in _trained(model)}
    save_file(tensors, folder / _TRAINED)


def put_in_place(writing: Path, best_step: int | None) -> None:
    """Rename the one checkpoint in ``writing`` to its place, and remove older ones but that of ``best_step``."""
    (new,) = writing.glob("checkpoint-*")
    for file in new.iterdir():
        _sync(file)
    _sync(new)
    folder = writing.parent
    shutil.rmtree(folder / new.name, ignore_errors=True)
    new.rename(folder / new.name)
    _sync(folder)
    steps = sorted(_steps(folder))
    for step in steps[:-_KEPT]:
        if step != best_step:
            shutil.rmtree(checkpoint_at(folder, step), ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _steps(folder: Path) -> Iterator[int]:
    for path in folder.glob("checkpoint-*"):
        if called := _CALLED.fullmatch(path.name):
            yield int(called[1])


def checkpoint_at(folder: Path, step: int) -> Path:
    """Return the folder of the checkpoint of a step."""
    return folder / f"checkpoint-{step}"


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint, or None."""
    step = max(_steps(checked_path(folder, "folder")), default=None)
    return None if step is None else checkpoint_at(folder, step)


def state_of(checkpoint: Path) -> dict[str, Any]:
    """Return the state that the trainer saved: its step, the best step, and the log history."""
    return json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))


def load_trained(model: nn.Module, checkpoint: Path) -> None:
    """Copy the parameters of a checkpoint into a model; raise ``TrainingError`` if their names differ."""
    stored, trained = load_file(checkpoint / _TRAINED), dict(_trained(model))
    if stored.keys() != trained.keys():
        raise TrainingError(f"{checkpoint} holds parameters of another model: remove {checkpoint.parent}")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(stored[name])


def _trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
