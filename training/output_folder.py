"""The output folder of a training: checks before it, atomic writes, and the finished model."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError

from ..errors import ArgumentError, TrainingError
from ..errors.arguments import checked_path, require_folder_place
from ..inference import resolve_model, whole_file
from .settings import CHECKPOINTS

TRAINING_RECORD = "training.json"
"""How the model in this folder was trained. It is written last."""
WRITING = "writing"
"""Beside the checkpoints: what is being written, and renamed when it is complete."""
WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)
"""On a full disk torch raises a RuntimeError, and safetensors an error of its own."""


def require_new_output(output: Path) -> None:
    """Raise ``ArgumentError`` unless the folder is new, empty, or holds an unfinished run."""
    output = checked_path(output, "output")
    if (output / TRAINING_RECORD).is_file():
        raise ArgumentError(f"{output} holds a finished model; name another folder, or remove it")
    if output.exists() and not output.is_dir():
        raise ArgumentError(f"{output} is a file; name a folder for the model")
    require_folder_place(output, "a model")
    if output.is_dir() and any(output.iterdir()) and not (output / CHECKPOINTS).is_dir():
        raise ArgumentError(f"{output} is not empty and holds no unfinished training; name another folder")


def require_same_run(path: Path, description: Mapping[str, object]) -> None:
    """Write the description of a run to ``path``; if the file exists with another one, raise ``ArgumentError``."""
    now = cast("dict[str, Any]", json.loads(json.dumps(description)))
    if not path.is_file():
        write_atomically(path, json.dumps(now, indent=2) + "\n")
        return
    before = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
    changed = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    if changed:
        name = changed[0]
        raise ArgumentError(
            f"the training in {path.parent} was started with {name}={before.get(name)!r}, not with "
            f"{name}={now.get(name)!r}: use the same value to resume, or remove that folder to start again"
        )


def write_atomically(path: Path, text: str) -> None:
    """Write a file atomically; raise ``TrainingError`` if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error}") from error


def install_model(output: Path, save: Callable[[Path], None], record: Mapping[str, object]) -> None:
    """Move the model into the output folder, then write the record of training and remove the checkpoints.

    A run that is killed before the record is written still has its checkpoints, and does this again.

    Args:
        output: The output folder.
        save: Writes the model into the folder that it is given.
        record: What goes into ``training.json``.

    Raises:
        TrainingError: The model cannot be written.
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
        raise TrainingError(
            f"{reason}. Its checkpoints are complete: free disk space and run the same command again"
        ) from error
    write_atomically(output / TRAINING_RECORD, json.dumps(record, indent=2) + "\n")
    shutil.rmtree(output / CHECKPOINTS, ignore_errors=True)


def require_output_folder(model: str, output: Path | None) -> Path:
    """Return the folder of a model, of which ``prepare_output_folder`` can make one to add files to.

    Raises:
        ArgumentError: As there.
    """
    folder = resolve_model(model)
    output = None if output is None else checked_path(output, "output")
    if output is None and not Path(model).is_dir():
        raise ArgumentError(f"{model!r} is shared by all programs here: name a folder for a copy, -o FOLDER")
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ArgumentError(f"{output} exists and is not an empty folder: name another one, or leave -o out")
    require_folder_place(folder if output is None else output, "a model")
    return folder


def prepare_output_folder(model: str, output: Path | None) -> Path:
    """Return the folder of a model to which files are going to be added.

    Args:
        model: A folder, a hub id or a bundled name.
        output: A new folder, to which the model is copied; None adds to the model's own folder.

    Raises:
        ArgumentError: ``output`` is not empty, or the model's own folder is not the caller's.
    """
    folder = require_output_folder(model, output)
    if output is None:
        return folder
    shutil.copytree(folder, output, dirs_exist_ok=True)
    return output
