"""The folder that a model is trained into: what it may hold, what a run there is, what is left. Knows no model."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError

from ..errors import ArgumentError, TrainingError
from ..inference import whole_file
from .settings import CHECKPOINTS

TRAINING_RECORD = "training.json"
"""In the folder of a model that was trained here: how. It is written last."""
WRITING = "writing"
"""What is written beside the checkpoints, and renamed when it is whole."""
WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)
"""torch raises a RuntimeError and safetensors one of its own where a disk is full."""


def require_new_output(output: Path) -> None:
    """Raise ``ArgumentError`` unless a model can be trained into this folder: it is new, or a run there was cut off."""
    if (output / TRAINING_RECORD).is_file():
        raise ArgumentError(f"{output} holds a model whose training is finished; name another folder, or remove it")
    if output.exists() and not output.is_dir():
        raise ArgumentError(f"{output} is a file; name a folder for the model")
    if output.is_dir() and any(output.iterdir()) and not (output / CHECKPOINTS).is_dir():
        raise ArgumentError(f"{output} is not empty, and no training that was cut off; name another folder")


def require_same_run(path: Path, description: Mapping[str, object]) -> None:
    """Write down at ``path`` what a run is; where it is written already, raise ``ArgumentError`` if it is another."""
    now = cast("dict[str, Any]", json.loads(json.dumps(description)))
    if not path.is_file():
        write_atomically(path, json.dumps(now, indent=2) + "\n")
        return
    before = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
    changed = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    if changed:
        name = changed[0]
        raise ArgumentError(
            f"the training in {path.parent} was begun with {name}={before.get(name)!r}, and this is one with "
            f"{name}={now.get(name)!r}: give the same to go on, or remove that folder to begin again"
        )


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is whole or not there. Raises ``TrainingError`` where the disk does not take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error}") from error


def install_model(output: Path, save: Callable[[Path], None], record: Mapping[str, object]) -> None:
    """Put what ``save`` writes into a folder into ``output``, then the record of training; remove the checkpoints.

    A run that is killed before the record is there has its checkpoints still, and does this again.
    """
    writing = output / CHECKPOINTS / WRITING
    shutil.rmtree(writing, ignore_errors=True)
    try:
        writing.mkdir(parents=True)
        save(writing)
        for path in sorted(writing.iterdir()):
            if (output / path.name).is_dir():
                shutil.rmtree(output / path.name)
            path.replace(output / path.name)
    except WRITE_ERRORS as error:
        shutil.rmtree(writing, ignore_errors=True)
        reason = f"the trained model cannot be written to {output}: {str(error).splitlines()[0]}"
        raise TrainingError(f"{reason}. Its checkpoints are whole: make room and run the same again") from error
    write_atomically(output / TRAINING_RECORD, json.dumps(record, indent=2) + "\n")
    shutil.rmtree(output / CHECKPOINTS, ignore_errors=True)
