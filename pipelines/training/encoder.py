"""Trains a bi-encoder for a collection: judged queries, pseudo-queries or distillation, training and model card.

Importing this module imports torch.
"""

from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from random import Random

from ...errors import ArgumentError
from ...errors.arguments import checked_instance
from ...index import Chunking, SourceReport
from ...rerank import CrossEncoderReranker
from ...retrieval import DEFAULT_ENCODER
from ...training import EncoderObjective, TrainingSettings, is_main_process
from ...training.encoders import TrainedEncoder, train_encoder
from ..progress import counting, training_progress
from .cards import Recipe, encoder_card
from .distillation import distilled_lists, read_queries
from .first_stage import FirstStageSettings, open_first_stage
from .lists import TrainingLists, lists_of_run, make_lists
from .options import EncoderData, is_index, source_report
from .pseudo_lists import MAX_HELD_OUT


@dataclass(frozen=True, slots=True)
class EncoderOfCollection(TrainedEncoder):
    """How a training on a collection went.

    Attributes:
        source: What was read and left out of the documents; None for an index and for a file of pairs.
    """

    source: SourceReport | None = None


def default_objective(data: EncoderData) -> EncoderObjective:
    """Return the loss and the weight averaging that suit the data.

    Without judgments the saved model has a quarter of the trained weights: pseudo-queries and a reranker's scores are
    not what people ask, and a model that had only the trained weights was worse on real queries, while one with a
    quarter was as good or better (``benchmarks/adaptation.py``). A model without training needs all of them.
    """
    checked_instance(data, EncoderData, "data")
    loss = "multiple-negatives" if data.teacher is None else "kl"
    return EncoderObjective(loss=loss, average=0.25 if data.pseudo_queries or data.teacher is not None else 1.0)


def train_encoder_on(
    data: EncoderData,
    settings: TrainingSettings,
    *,
    model: str | Path = DEFAULT_ENCODER,
    objective: EncoderObjective | None = None,
    command: str = "",
    progress: bool = False,
) -> EncoderOfCollection:
    """Train a bi-encoder on a collection, and write it and its model card into the output folder.

    The same call resumes a run that was stopped, as ``train_encoder`` says.

    Args:
        data: Where the training lists come from.
        settings: How to train.
        model: The model to start from.
        objective: What to learn from the lists; None takes ``default_objective``.
        command: The command line, for the model card.
        progress: Whether to show progress bars.

    Raises:
        ArgumentError: The data cannot be learned from, or options do not fit each other.
        EvaluationError: The judgments or queries cannot be read.
        SourceError: The documents cannot be read, or give no pseudo-queries.
        TrainingError: The pairs cannot be read, a package is missing, or a checkpoint cannot be written.

    Example:
        >>> data = EncoderData(source=Path("my-index"), pseudo_queries=("title", "sentence"))
        >>> train_encoder_on(data, TrainingSettings(output=Path("my-encoder"), learning_rate=2e-5))
    """
    checked_instance(settings, TrainingSettings, "settings")
    default = default_objective(data)
    objective = default if objective is None else checked_instance(objective, EncoderObjective, "objective")
    if objective.graded != (data.teacher is None):
        problem = "takes a reranker to learn from" if data.teacher is None else "does not learn a reranker's scores"
        raise ArgumentError(f"the loss {objective.loss} {problem}")
    shown = progress and is_main_process()
    made_of = asdict(data) | {"seed": settings.seed, "model": str(model)}
    lists = lists_of_run(settings, made_of, lambda: _lists(data, settings, model, progress=shown))
    recipe = Recipe(base=str(model), data=data, settings=settings, objective=objective, command=command)
    with training_progress(shown=shown) as watch:
        trained = train_encoder(
            model,
            lists.training,
            settings,
            held_out=lists.held_out,
            objective=objective,
            watch=watch,
            describe=partial(encoder_card, recipe=recipe),
        )
    values = {field.name: getattr(trained, field.name) for field in fields(TrainedEncoder)}
    return EncoderOfCollection(**values, source=lists.source)


def _lists(data: EncoderData, settings: TrainingSettings, model: str | Path, *, progress: bool) -> TrainingLists:
    indexed = is_index(data.source) or data.index is not None
    first_stage = FirstStageSettings.of(data, settings, encoder=None if indexed else model, progress=progress)
    if data.teacher is None:
        return make_lists(data, first_stage, seed=settings.seed, for_reranker=False)
    assert data.queries is not None
    queries = read_queries(data.queries)
    Random(settings.seed).shuffle(queries)
    queries = queries[: data.limit]
    teacher = CrossEncoderReranker(data.teacher, device=settings.device).cutting_queries()
    documents = data.documents()
    with (
        open_first_stage(documents, first_stage, chunking=Chunking()) as retriever,
        counting("Scoring candidates", shown=progress) as count,
    ):
        lists = distilled_lists(queries, retriever, teacher, depth=data.depth, on_progress=count)
    held_out = min(round(data.held_out * len(lists)), MAX_HELD_OUT, len(lists) - 1)
    return TrainingLists(tuple(lists[held_out:]), tuple(lists[:held_out]), source_report(documents, data))
