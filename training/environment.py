"""The environment of a training: installed packages, device, processes and log levels.

What needs the extra ``train`` is imported inside the functions.
"""

import importlib.util
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ..errors import ArgumentError, TrainingError
from .settings import TrainingSettings


def require_training_packages() -> None:
    """Raise ``TrainingError`` where the extra ``train`` is not installed."""
    missing = [package for package in ("accelerate", "datasets") if importlib.util.find_spec(package) is None]
    if missing:
        raise TrainingError(f"training needs {' and '.join(missing)}: pip install 'bicross[train]'")


def is_main_process() -> bool:
    """Return whether this process writes and prints: the only one, or rank 0 of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def training_device(settings: TrainingSettings) -> str:
    """Return "cpu", "cuda" or "mps"; raise ``ArgumentError`` if the device of the settings is not available."""
    import torch

    accelerator: Any = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    fastest = "cpu" if accelerator is None else str(accelerator.type)
    if settings.device not in (None, "cpu", fastest):
        raise ArgumentError(f"the device {settings.device!r} is not available on this machine; use {fastest!r}")
    return settings.device or fastest


def processes() -> int:
    """Return the number of processes that take part in the training."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def main_process_first() -> Generator[None]:
    """Run the body in the main process first, then in the other processes that torchrun started."""
    if processes() == 1:
        yield
        return
    from accelerate import PartialState

    with PartialState().main_process_first():
        yield


@contextmanager
def quiet() -> Generator[None]:
    """Silence the progress bars and logs of the training libraries; restore them at the end."""
    import datasets
    from transformers.utils import logging as transformers_logging

    sentence_transformers: Any = logging.getLogger("sentence_transformers")
    transformers: Any = transformers_logging
    before = (transformers.get_verbosity(), sentence_transformers.level, transformers.is_progress_bar_enabled())
    bars = datasets.are_progress_bars_disabled()
    transformers.set_verbosity_error()
    transformers.disable_progress_bar()
    sentence_transformers.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        transformers.set_verbosity(before[0])
        sentence_transformers.setLevel(before[1])
        if before[2]:
            transformers.enable_progress_bar()
        if not bars:
            datasets.enable_progress_bars()
