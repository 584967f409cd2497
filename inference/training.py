"""What training a reranker and training an encoder share: lists, settings, the run itself. Knows no loss and no index.

What needs the extra ``train`` is imported inside of functions: the records here are for everyone.
"""

import importlib.util
import logging
import math
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import ArgumentError, TrainingError
from .training_record import QUALITY, Evaluated, TrainingRecord, has_ended, numbers, patience_is_over, record_of

__all__ = [
    "CHECKPOINTS",
    "QUALITY",
    "Evaluated",
    "RankingList",
    "TrainingProgress",
    "TrainingRecord",
    "TrainingSettings",
    "Watch",
    "is_main_process",
    "main_process_first",
    "numbered_draws",
    "quiet",
    "require_training_packages",
    "run_training",
    "training_arguments",
    "training_device",
]

TrainingDtype = Literal["float32", "bfloat16"]
CHECKPOINTS = "checkpoints"
_DEVICES = (None, "cpu", "cuda", "mps")
_LOGGED_EVERY = 10  # steps, at most
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class RankingList:
    """A query and passages to be ordered for it.

    ``labels`` has a number for each passage: a grade, of which 0 is not relevant, or a teacher's score. ``prior`` has
    the scores of stage one that the reranker's are going to be added to; empty: none.
    """

    query: str
    passages: tuple[str, ...]
    labels: tuple[float, ...]
    prior: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.passages) or len(self.prior) not in (0, len(self.passages)):
            raise ArgumentError(
                f"the list of {self.query[:60]!r} has {len(self.passages)} passages, {len(self.labels)} labels and "
                f"{len(self.prior)} prior scores; it takes a label for each passage, and as many prior scores or none"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How to train. ``output`` is the folder of the model; its folder ``checkpoints`` is used while it trains.

    ``max_steps`` takes the place of ``epochs``. Every ``evaluate_every`` steps the model is evaluated, and a checkpoint
    is written; after ``patience`` evaluations without a gain training stops. ``dtype`` is what autocast calculates in,
    ``max_length`` the tokens of a pair or text. Raises ``ArgumentError`` for what cannot be.
    """

    output: Path
    learning_rate: float
    epochs: float = 1.0
    max_steps: int | None = None
    lists_per_step: int = 8
    warmup_share: float = 0.05
    evaluate_every: int = 200
    patience: int = 5
    seed: int = 0
    dtype: TrainingDtype = "float32"
    device: str | None = None
    max_length: int = 256

    def __post_init__(self) -> None:
        for name in ("epochs", "lists_per_step", "evaluate_every", "patience", "learning_rate", "max_length"):
            if not 0 < getattr(self, name) < math.inf:
                raise ArgumentError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if self.max_steps is not None and self.max_steps < 1:
            raise ArgumentError(f"max_steps must be at least 1, not {self.max_steps!r}")
        if not 0 <= self.warmup_share < 1:
            raise ArgumentError(f"warmup_share must be from 0 to below 1, not {self.warmup_share!r}")
        if self.dtype not in ("float32", "bfloat16"):
            raise ArgumentError(f"training calculates in float32 or bfloat16, not {self.dtype!r}")
        if self.device not in _DEVICES:
            raise ArgumentError(
                f"training takes the device cpu, cuda or mps, not {self.device!r}; "
                "CUDA_VISIBLE_DEVICES says which of several GPUs, and torchrun takes them all"
            )


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is. ``loss`` is the mean of the last few steps, ``quality`` of the last evaluation."""

    step: int
    steps: int
    loss: float | None
    quality: float | None


Watch = Callable[[TrainingProgress], None]
"""Called after each step."""


def require_training_packages() -> None:
    """Raise ``TrainingError`` where the extra ``train`` is not installed."""
    missing = [package for package in ("accelerate", "datasets") if importlib.util.find_spec(package) is None]
    if missing:
        raise TrainingError(f"training needs {' and '.join(missing)}: pip install 'bicross[train]'")


def is_main_process() -> bool:
    """Whether this process writes and shows: the only one, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def training_device(settings: TrainingSettings) -> str:
    """What a training runs on: "cpu", "cuda", "mps"; ``ArgumentError`` where what was asked for is not there."""
    import torch

    there: Any = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    fastest = "cpu" if there is None else str(there.type)
    if settings.device not in (None, "cpu", fastest):
        raise ArgumentError(f"the device {settings.device!r} cannot be used here; there is {fastest!r}")
    return settings.device or fastest


def processes() -> int:
    """How many take part in the training."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def main_process_first() -> Generator[None]:
    """What is done here is done by the main process, and then by those that torchrun started beside it."""
    if processes() == 1:
        yield
        return
    from accelerate import PartialState

    with PartialState().main_process_first():
        yield


@contextmanager
def quiet() -> Generator[None]:
    """Nothing on the terminal from the libraries that train: no bars, no notes. As it was, afterwards."""
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


def numbered_draws(settings: TrainingSettings, lists: int) -> Any:  # noqa: ANN401 - a datasets.Dataset
    """What the trainer goes through, once and in this order: the numbers 0, 1, ... of draws from the lists.

    What a draw is depends on its number and the seed alone, so that a run that goes on needs to know no more than
    its step. All epochs are one pass.
    """
    import datasets

    draws = math.ceil(settings.epochs * lists)
    if settings.max_steps is not None:
        draws = settings.max_steps * settings.lists_per_step * processes()
    columns: Any = datasets.Dataset
    return columns.from_dict({"draw": list(range(draws))})


def training_arguments(constructor: Callable[..., Any], settings: TrainingSettings, *, evaluated: bool) -> Any:  # noqa: ANN401
    """The arguments of a trainer of sentence-transformers, made by their class; all is written to checkpoints.

    Raises ``ArgumentError`` for a device or number format that is not to be had here.
    """
    every = settings.evaluate_every
    try:
        arguments = constructor(
            output_dir=str(settings.output / CHECKPOINTS),
            num_train_epochs=1,
            per_device_train_batch_size=settings.lists_per_step,
            batch_sampler=_in_order,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=settings.warmup_share,
            weight_decay=_WEIGHT_DECAY,
            max_grad_norm=1.0,
            seed=settings.seed,
            bf16=settings.dtype == "bfloat16",
            use_cpu=training_device(settings) == "cpu",
            dataloader_pin_memory=False,
            logging_strategy="steps",
            logging_steps=max(steps for steps in range(1, _LOGGED_EVERY + 1) if every % steps == 0),
            logging_nan_inf_filter=False,
            eval_strategy="steps" if evaluated else "no",
            eval_steps=every,
            save_strategy="steps",
            save_steps=every,
            metric_for_best_model=QUALITY if evaluated else None,
            greater_is_better=True if evaluated else None,
            report_to="none",
            disable_tqdm=True,
            log_level="error",
        )
    except (RuntimeError, ValueError) as error:
        raise ArgumentError(f"training cannot run so: {str(error).splitlines()[0]}") from error
    # In one process one GPU: torch.nn.DataParallel, which the trainer would take for several, is slow and not exact.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _in_order(dataset: Any, *, batch_size: int, drop_last: bool, **_: object) -> Any:  # noqa: ANN401
    from torch.utils.data import BatchSampler, SequentialSampler

    return BatchSampler(SequentialSampler(dataset), batch_size=batch_size, drop_last=drop_last)


def run_training(trainer: Any, settings: TrainingSettings, *, watch: Watch | None = None) -> TrainingRecord:  # noqa: ANN401
    """Train, from the newest checkpoint where there is one, and leave the best weights in the trainer's model.

    ``trainer`` is one of sentence-transformers' with ``WholeCheckpoints`` mixed in, and ``training_arguments``.
    Raises ``TrainingError`` where a checkpoint cannot be written, and where the loss is no number any more.
    """
    from transformers import PrinterCallback

    from .checkpoints import checkpoint_at, load_trained, newest_checkpoint, state_of

    folder = settings.output / CHECKPOINTS
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_flow(settings, watch))
    newest = newest_checkpoint(folder)
    if newest is None or not has_ended(state_of(newest), settings.patience):
        trainer.train(resume_from_checkpoint=None if newest is None else str(newest))
        newest = newest_checkpoint(folder)
    assert newest is not None  # one is written at the last step
    record = record_of(state_of(newest))
    load_trained(trainer.model, checkpoint_at(folder, record.best_step))
    return record


def _flow(settings: TrainingSettings, watch: Watch | None) -> Any:  # noqa: ANN401 - a TrainerCallback
    """Tells ``watch`` of each step, ends the training when patience is over, and when the loss is no number."""
    from transformers import TrainerCallback

    def on_step_end(_self: object, _arguments: object, state: Any, _control: object, **_: object) -> None:  # noqa: ANN401
        if watch is not None:
            losses, found = numbers(state.log_history, "loss"), numbers(state.log_history, f"eval_{QUALITY}")
            last, quality = (values[-1] if values else None for values in (losses, found))
            watch(TrainingProgress(state.global_step, state.max_steps, last, quality))

    def on_log(_self: object, _arguments: object, state: Any, _control: object, logs: Any, **_: object) -> None:  # noqa: ANN401
        if not math.isfinite(logs.get("loss", 0.0)):
            reason = f"the loss is {logs['loss']} at step {state.global_step}"
            raise TrainingError(f"{reason}: train with a lower learning rate than {settings.learning_rate:g}")

    def on_evaluate(_self: object, _arguments: object, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
        if patience_is_over(state.log_history, settings.patience):
            control.should_training_stop = True

    methods = {"on_step_end": on_step_end, "on_log": on_log, "on_evaluate": on_evaluate}
    return type("Flow", (TrainerCallback,), methods)()
