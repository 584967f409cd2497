"""Runs a trainer of sentence-transformers: its arguments, the order of the samples, resuming and stopping."""

import math
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, TrainingError
from .checkpoints import checkpoint_at, load_trained, newest_checkpoint, state_of
from .environment import processes, training_device
from .record import QUALITY, TrainingRecord, has_ended, numbers, patience_is_over, record_of
from .settings import CHECKPOINTS, TrainingProgress, TrainingSettings, Watch

_LOGGED_EVERY = 10  # steps, at most
_WEIGHT_DECAY = 0.01


def numbered_draws(settings: TrainingSettings, lists: int) -> Any:  # noqa: ANN401 - a datasets.Dataset
    """Return the dataset of the trainer: the numbers 0, 1, ... of samples, which it goes through once and in order.

    A sample depends only on its number and the seed, so that a resumed run needs to know only its step. All epochs are
    one pass.

    Args:
        settings: How to train.
        lists: The number of training lists.
    """
    import datasets

    draws = math.ceil(settings.epochs * lists)
    if settings.max_steps is not None:
        draws = settings.max_steps * settings.lists_per_step * processes()
    columns: Any = datasets.Dataset
    return columns.from_dict({"draw": list(range(draws))})


def training_arguments(constructor: Callable[..., Any], settings: TrainingSettings, *, evaluated: bool) -> Any:  # noqa: ANN401
    """Return the arguments of a trainer of sentence-transformers.

    Args:
        constructor: Their class.
        settings: How to train.
        evaluated: Whether the trainer evaluates held-out lists.

    Raises:
        ArgumentError: The device or the number format is not available.
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
        raise ArgumentError(f"these settings cannot be used for training: {str(error).splitlines()[0]}") from error
    # One GPU per process: with several the trainer would use torch.nn.DataParallel, which is slow and not exact.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _in_order(dataset: Any, *, batch_size: int, drop_last: bool, **_: object) -> Any:  # noqa: ANN401
    from torch.utils.data import BatchSampler, SequentialSampler

    return BatchSampler(SequentialSampler(dataset), batch_size=batch_size, drop_last=drop_last)


def run_training(trainer: Any, settings: TrainingSettings, *, watch: Watch | None = None) -> TrainingRecord:  # noqa: ANN401
    """Train, from the newest checkpoint if there is one, and leave the best weights in the trainer's model.

    Args:
        trainer: A trainer of sentence-transformers with ``AtomicCheckpoints`` mixed in, and ``training_arguments``.
        settings: How to train.
        watch: Called after each step.

    Raises:
        TrainingError: A checkpoint cannot be written, or the loss is not finite.
    """
    from transformers import PrinterCallback

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
    """A callback that reports each step, stops when patience is over, and raises if the loss is not finite."""
    from transformers import TrainerCallback

    def on_step_end(_self: object, _arguments: object, state: Any, _control: object, **_: object) -> None:  # noqa: ANN401
        if watch is not None:
            losses = numbers(state.log_history, "loss")
            qualities = numbers(state.log_history, f"eval_{QUALITY}")
            last, quality = (values[-1] if values else None for values in (losses, qualities))
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
