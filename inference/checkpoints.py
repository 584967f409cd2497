"""Checkpoints of a training that are whole or not there, and the model that it ends with. Knows no loss and no data.

A checkpoint is written into a folder of its own and then renamed: one that is called ``checkpoint-N`` is whole. It
holds the trained parameters alone, in float32, beside what transformers' trainer keeps of the optimizer and of itself.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import ArgumentError, TrainingError
from .training import CHECKPOINTS, is_main_process

TRAINING_RECORD = "training.json"
"""In the folder of a model that was trained here: how. It is written last."""

_TRAINED = "trained.safetensors"
_WRITING = "writing"
_CALLED = re.compile(r"checkpoint-(\d+)")
_KEPT = 2  # the newest, beside the best
_WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)
"""torch raises a RuntimeError and safetensors one of its own where a disk is full."""


class WholeCheckpoints:
    """Mixed into a trainer of sentence-transformers, before it: checkpoints as this module says, and no model card."""

    args: Any
    accelerator: Any
    model: Any
    state: Any

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """None: cards are written by who knows the data."""

    def _get_output_dir(self, trial: object) -> str:
        return str(Path(self.args.output_dir) / _WRITING)

    def _save_checkpoint(self, model: object, trial: object) -> None:
        writing = Path(self._get_output_dir(trial))
        if is_main_process():
            shutil.rmtree(writing, ignore_errors=True)  # what a kill left
        self.accelerator.wait_for_everyone()
        try:
            super()._save_checkpoint(model, trial)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            self.accelerator.wait_for_everyone()
            if is_main_process():
                _put_in_place(writing, self.state.best_global_step)
        except _WRITE_ERRORS as error:
            shutil.rmtree(writing, ignore_errors=True)
            reason = f"the checkpoint of step {self.state.global_step} cannot be written: {str(error).splitlines()[0]}"
            raise TrainingError(
                f"{reason}. Earlier ones in {writing.parent} are whole: make room and run the same again to go on"
            ) from error
        self.state.best_model_checkpoint = None  # it is found by its step

    def _save(self, output_dir: str, state_dict: object = None) -> None:
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: parameter.detach().cpu().contiguous() for name, parameter in _trained(self.model)}
        save_file(tensors, folder / _TRAINED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: object = None) -> None:
        load_trained(self.model, Path(resume_from_checkpoint))


def _put_in_place(writing: Path, best_step: int | None) -> None:
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
    """The folder of the checkpoint that was written at a step."""
    return folder / f"checkpoint-{step}"


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint, None where there is none."""
    step = max(_steps(folder), default=None)
    return None if step is None else checkpoint_at(folder, step)


def state_of(checkpoint: Path) -> dict[str, Any]:
    """What the trainer wrote of itself: its step, the best one, and all that was logged."""
    return json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))


def load_trained(model: nn.Module, checkpoint: Path) -> None:
    """Copy the parameters of a checkpoint into a model in which the same ones are trained."""
    stored, trained = load_file(checkpoint / _TRAINED), dict(_trained(model))
    if stored.keys() != trained.keys():
        raise TrainingError(f"{checkpoint} holds the parameters of another model; remove {checkpoint.parent}")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(stored[name])


def _trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def require_new(output: Path) -> None:
    """Raise ``ArgumentError`` unless a model can be trained into this folder: it is new, or a run there was cut off."""
    if (output / TRAINING_RECORD).is_file():
        raise ArgumentError(f"{output} holds a model whose training is finished; name another folder, or remove it")
    if output.exists() and not output.is_dir():
        raise ArgumentError(f"{output} is a file; name a folder for the model")
    if output.is_dir() and any(output.iterdir()) and not (output / CHECKPOINTS).is_dir():
        raise ArgumentError(f"{output} is not empty, and no training that was cut off; name another folder")


def require_same(path: Path, description: Mapping[str, object]) -> None:
    """Write down at ``path`` what a run is; where it is written already, raise ``ArgumentError`` if it is another."""
    now = cast("dict[str, Any]", json.loads(json.dumps(description)))
    if not path.is_file():
        write_whole(path, json.dumps(now, indent=2) + "\n")
        return
    before = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
    changed = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    if changed:
        name = changed[0]
        raise ArgumentError(
            f"the training in {path.parent} was begun with {name}={before.get(name)!r}, and this is one with "
            f"{name}={now.get(name)!r}: give the same to go on, or remove that folder to begin again"
        )


def write_whole(path: Path, text: str) -> None:
    """Write a file that is whole or not there. Raises ``TrainingError`` where the disk does not take it."""
    beside = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise TrainingError(f"{path} cannot be written: {error}") from error


def put_model(output: Path, save: Callable[[Path], None], record: Mapping[str, object]) -> None:
    """Put what ``save`` writes into a folder into ``output``, then the record of training; remove the checkpoints.

    A run that is killed before the record is there has its checkpoints still, and does this again.
    """
    writing = output / CHECKPOINTS / _WRITING
    shutil.rmtree(writing, ignore_errors=True)
    try:
        writing.mkdir(parents=True)
        save(writing)
        for path in sorted(writing.iterdir()):
            if (output / path.name).is_dir():
                shutil.rmtree(output / path.name)
            path.replace(output / path.name)
    except _WRITE_ERRORS as error:
        shutil.rmtree(writing, ignore_errors=True)
        reason = f"the trained model cannot be written to {output}: {str(error).splitlines()[0]}"
        raise TrainingError(f"{reason}. Its checkpoints are whole: make room and run the same again") from error
    write_whole(output / TRAINING_RECORD, json.dumps(record, indent=2) + "\n")
    shutil.rmtree(output / CHECKPOINTS, ignore_errors=True)
