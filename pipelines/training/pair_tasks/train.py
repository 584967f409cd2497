"""Trains a model of pairs from a file: data, training, evaluation and model card. Importing this imports torch."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ....inference import resolve_model
from ....rerank import DEFAULT_RERANKER
from ....training import (
    LoraSettings,
    TrainingRecord,
    TrainingSettings,
    is_main_process,
    require_new_output,
    require_training_packages,
    training_device,
)
from ....training.pairs import PairMethod, train_pairs
from ...progress import training_progress
from ..cards import Recipe
from .cards import pair_card, quality_line
from .data import JudgedPairs, PairData, read_judged_pairs


@dataclass(frozen=True, slots=True)
class TrainedPairs:
    """The result of a training.

    Attributes:
        output: The folder of the model.
        data: The pairs of training and evaluation.
        method: What was learned; for entailment with the labels.
        record: Steps, losses and evaluations.
    """

    output: Path
    data: JudgedPairs
    method: PairMethod
    record: TrainingRecord

    def summary(self) -> tuple[str, str]:
        """Return the lines that a terminal shows."""
        quality = quality_line(self.record.best, self.data, self.method)
        return quality, f"Saved the model of step {self.record.best_step:,} in {self.output}"

    def to_dict(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        record = self.record
        return {
            "output": str(self.output),
            "task": self.method.task,
            "labels": list(self.method.labels),
            "training_pairs": len(self.data.training),
            "held_out_pairs": len(self.data.held_out),
            "steps": record.steps,
            "best_step": record.best_step,
            "held_out": None if record.best is None else dict(record.best),
            "evaluations": [dict(evaluation) for evaluation in record.evaluations],
        }


def train_pairs_on(
    data: PairData,
    settings: TrainingSettings,
    *,
    model: str | Path = DEFAULT_RERANKER,
    lora: LoraSettings | None = None,
    command: str = "",
    progress: bool = False,
) -> TrainedPairs:
    """Train a model of pairs on a file, and write it and its model card into the output folder.

    The same call resumes a run that was stopped, as ``train_pairs`` says.

    Args:
        data: Where the judged pairs come from.
        settings: How to train; ``lists_per_step`` are the pairs of a step.
        model: The model to start from: a cross-encoder or an encoder.
        lora: The adapters to train; None trains all parameters.
        command: The command line, for the model card.
        progress: Whether to show progress bars.

    Raises:
        ArgumentError: The data cannot be learned from, or options do not fit each other.
        EvaluationError: A file does not exist or is damaged.
        TrainingError: A row cannot be read, a package is missing, or a checkpoint cannot be written.

    Example:
        >>> data = PairData(source=Path("pairs.jsonl"), range=(0, 5))
        >>> train_pairs_on(data, TrainingSettings(output=Path("my-similarity"), learning_rate=1e-4))
    """
    require_training_packages()
    training_device(settings)
    require_new_output(settings.output)
    resolve_model(model)
    pairs = read_judged_pairs(data, seed=settings.seed)
    method = PairMethod(task=data.task, labels=pairs.labels, lora=lora)
    recipe = Recipe(base=str(model), data=data, settings=settings, objective=method, command=command)
    with training_progress(shown=progress and is_main_process()) as watch:
        record = train_pairs(
            pairs.training,
            settings,
            model=model,
            method=method,
            held_out=pairs.held_out,
            watch=watch,
            describe=partial(pair_card, recipe=recipe, pairs=pairs, method=method),
        )
    return TrainedPairs(settings.output, pairs, method, record)
