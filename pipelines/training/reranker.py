"""Trains a reranker for a collection: data, hard negatives, training, evaluation and model card.

Importing this module imports torch.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from ...errors import ArgumentError
from ...errors.arguments import checked_instance
from ...index import SourceReport
from ...inference import resolve_model
from ...models import DEFAULT_ENCODER
from ...rerank import DEFAULT_RERANKER, CrossEncoderReranker
from ...training import (
    Evaluated,
    RerankerMethod,
    TrainingRecord,
    TrainingSettings,
    is_main_process,
    require_new_output,
)
from ...training.rerankers import (
    LateInteractionMethod,
    layers_to_train_on,
    train_late_interaction,
    train_reranker,
)
from ..evaluation import canonical
from ..progress import training_progress
from .cards import Recipe, reranker_card
from .first_stage import FirstStageSettings
from .lists import TrainingLists, lists_of_run, make_lists
from .options import RerankerData
from .reranker_evaluation import MEASURE, evaluate_blends

Train = Callable[..., TrainingRecord]
"""Takes lists, settings, ``evaluate``, ``watch`` and ``describe``."""


@dataclass(frozen=True, slots=True)
class TrainedReranker:
    """The result of a training.

    Attributes:
        output: The folder of the model.
        training_lists: The number of lists that it was trained on.
        held_out_queries: The number of queries that it was evaluated on.
        held_out: The evaluation of the saved weights; None if nothing was held out.
        record: Steps, losses and evaluations.
        source: What was read and left out of the documents; None for an index and for a file of pairs.
    """

    output: Path
    training_lists: int
    held_out_queries: int
    held_out: Evaluated | None
    record: TrainingRecord
    source: SourceReport | None = None


def train_reranker_on(
    data: RerankerData,
    settings: TrainingSettings,
    *,
    model: str | Path = DEFAULT_RERANKER,
    method: RerankerMethod | None = None,
    command: str = "",
    progress: bool = False,
) -> TrainedReranker:
    """Train a reranker on a collection, and write it, its model card and its blend into the output folder.

    The same call resumes a run that was stopped, as ``train_reranker`` says.

    Args:
        data: Where the training lists come from.
        settings: How to train.
        model: The model to start from: a cross-encoder or an encoder.
        method: What to train, with which loss.
        command: The command line, for the model card.
        progress: Whether to show progress bars.

    Raises:
        ArgumentError: The data cannot be learned from, or options do not fit each other.
        EvaluationError: The judgments cannot be read.
        TrainingError: The pairs cannot be read, a package is missing, or a checkpoint cannot be written.

    Example:
        >>> data = RerankerData(source=Path("scifact"))
        >>> train_reranker_on(data, TrainingSettings(output=Path("my-reranker"), learning_rate=8e-4))
    """
    checked_instance(data, RerankerData, "data")
    checked_instance(settings, TrainingSettings, "settings")
    method = RerankerMethod() if method is None else checked_instance(method, RerankerMethod, "method")
    if (method.loss == "margin-mse") != (data.teacher is not None):
        raise ArgumentError("a teacher and the loss margin-mse belong together: name both or none")
    resolve_model(model)  # fail now, and not after the lists are made
    return _train(
        data,
        settings,
        partial(train_reranker, model=model, method=method),
        recipe=Recipe(base=str(model), data=data, settings=settings, objective=method, command=command),
        progress=progress,
    )


def train_fast_reranker_on(
    data: RerankerData,
    settings: TrainingSettings,
    *,
    model: str | Path = DEFAULT_ENCODER,
    method: LateInteractionMethod | None = None,
    command: str = "",
    progress: bool = False,
) -> TrainedReranker:
    """Train a late-interaction reranker on a collection, and write it and its model card into the output folder.

    The same call goes on with the lists and the states of passages that a run made which was stopped.

    Args:
        data: Where the training lists come from; it has no teacher.
        settings: How to train.
        model: The encoder whose early states are projected.
        method: What to train.
        command: The command line, for the model card.
        progress: Whether to show progress bars.

    Raises:
        ArgumentError: The data cannot be learned from, or options do not fit each other.
        EvaluationError: The judgments cannot be read.
        ModelError: The model is no encoder that runs packed.
        TrainingError: The pairs cannot be read, a package is missing, or the disk is full.

    Example:
        >>> data = RerankerData(source=Path("scifact"))
        >>> train_fast_reranker_on(data, TrainingSettings(output=Path("my-fast-reranker"), learning_rate=5e-4))
    """
    checked_instance(data, RerankerData, "data")
    checked_instance(settings, TrainingSettings, "settings")
    method = LateInteractionMethod() if method is None else checked_instance(method, LateInteractionMethod, "method")
    if data.teacher is not None:
        raise ArgumentError("a late-interaction reranker learns from labels: leave the teacher out")
    require_new_output(settings.output)
    layers_to_train_on(model, settings, method)  # fail now, and not after the lists are made
    return _train(
        data,
        settings,
        partial(train_late_interaction, model=model, method=method),
        recipe=Recipe(base=str(model), data=data, settings=settings, objective=method, command=command),
        progress=progress,
    )


def _train(
    data: RerankerData, settings: TrainingSettings, train: Train, *, recipe: Recipe, progress: bool
) -> TrainedReranker:
    if data.held_out or data.dev_split:
        canonical([MEASURE])  # fails if ir-measures is missing
    made_of = asdict(data) | {"seed": settings.seed}
    lists = lists_of_run(settings, made_of, lambda: _lists(data, settings, progress=progress))
    with training_progress(shown=progress and is_main_process()) as watch:
        record = train(
            lists.training,
            settings,
            evaluate=partial(evaluate_blends, lists.held_out) if lists.held_out else None,
            watch=watch,
            describe=partial(reranker_card, recipe=recipe, lists=lists),
        )
    return TrainedReranker(
        settings.output, len(lists.training), len(lists.held_out), record.best, record, source=lists.source
    )


def _lists(data: RerankerData, settings: TrainingSettings, *, progress: bool) -> TrainingLists:
    first_stage = FirstStageSettings.of(data, settings, encoder=data.encoder, progress=progress)
    lists = make_lists(data, first_stage, seed=settings.seed, for_reranker=True)
    if data.teacher is None:
        return lists
    teacher = CrossEncoderReranker(data.teacher, device=settings.device).cutting_queries()
    scored = (
        replace(item, labels=tuple(teacher.score([(item.query, text) for text in item.passages]).tolist()))
        for item in lists.training
    )
    return replace(lists, training=tuple(scored))
