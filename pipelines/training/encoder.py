"""A bi-encoder from a collection: judged queries, its own text, or queries that a reranker answers; then training.

Knows the parts, and nothing of what they do. It is imported by whoever trains: with it comes torch.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random

from ...errors import ArgumentError
from ...index import Chunking
from ...rerank import CrossEncoderReranker
from ...retrieval import DEFAULT_ENCODER
from ...training import (
    CHECKPOINTS,
    TrainingSettings,
    is_main_process,
    main_process_first,
    require_new_output,
    require_training_packages,
    training_device,
)
from ...training.encoders import EncoderObjective, TrainedEncoder, train_encoder
from ..models import open_reranker
from ..progress import counting, training_progress
from .data import read_training_data, relevant_texts
from .distillation import distilled_lists, read_queries
from .encoder_card import encoder_card
from .first_stage import FirstStageSettings, documents_from, is_index, open_first_stage
from .hard_negatives import HardNegativeOptions, hard_negative_lists
from .lists import TrainingLists, load_or_make_lists
from .pseudo_lists import MAX_HELD_OUT, Lists, PseudoQueryOptions, pseudo_query_lists_from
from .pseudo_queries import PseudoQueryKind
from .reranker_evaluation import HeldOutQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderData:
    """Where lists come from: judged queries, unless one of two others is named.

    ``pseudo_queries`` has the kinds of pseudo-queries to make from the collection; the reranker ``filter_with`` filters
    them for consistency. ``teacher`` is the reranker to learn the scores of, for the ``queries`` of a file.
    Judgments are those of ``read_training_data``, and ``margin`` and ``filter_with`` leave out negatives that are
    likely to be relevant. Then ``source`` is a BEIR folder or a file of pairs, else any documents, or an index.

    Candidates are the first ``depth`` of stage one, in ``index``, or in an index that is made for that time. ``limit``
    queries or pairs are drawn; a share ``held_out`` of them, or of their documents, is kept out to measure on.
    """

    source: Path
    pseudo_queries: tuple[PseudoQueryKind, ...] = ()
    teacher: str | None = None
    queries: Path | None = None
    split: str = "train"
    dev_split: str | None = None
    held_out: float = 0.1
    limit: int | None = None
    index: Path | None = None
    depth: int = 20
    margin: float | None = None
    filter_with: str | None = None

    def __post_init__(self) -> None:
        if (self.teacher is None) != (self.queries is None):
            raise ArgumentError("distillation takes a reranker and a file of queries: name both, or neither")
        if self.teacher is not None and self.pseudo_queries:
            raise ArgumentError("pseudo-queries and distillation cannot be combined: name one of the two")
        if self.teacher is not None and self.filter_with is not None:
            raise ArgumentError("what the reranker says of a query is learned as it is: leave filter_with out")
        if self.margin is not None and (self.pseudo_queries or self.teacher is not None):
            raise ArgumentError(f"margin={self.margin} is for judged queries: leave it out")


def default_objective(data: EncoderData) -> EncoderObjective:
    """What suits the data. Without judgments a quarter of what is learned is taken over, and three of what was known.

    What stands in for judged queries is not what people ask: trained on it, a model was worse on real queries, and with
    a quarter of that as good or better: ``benchmarks/adaptation.py``. A model that finds nothing yet needs all of it.
    """
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
) -> TrainedEncoder:
    """Train ``model`` on a collection, and write it and its card into ``settings.output``.

    The same call goes on where a run was cut off, as ``train_encoder`` says. Raises ``ArgumentError``,
    ``EvaluationError``, ``SourceError`` and ``TrainingError`` for data that cannot be learned from, before anything is
    trained, and ``ModelError`` for a teacher that is no reranker.
    """
    objective = objective or default_objective(data)
    if objective.graded != (data.teacher is None):
        what = "takes a reranker to learn from" if data.teacher is None else "does not learn a reranker's scores"
        raise ArgumentError(f"the loss {objective.loss} {what}")
    require_training_packages()
    training_device(settings)  # at once where it is not to be had
    require_new_output(settings.output)
    folder = settings.output / CHECKPOINTS
    shown = progress and is_main_process()
    made_of = asdict(data) | {"seed": settings.seed, "model": str(model)}
    with main_process_first():
        lists = load_or_make_lists(folder, made_of, lambda: _lists(data, settings, model, progress=shown))
    described = {"base": str(model), "data": asdict(data), "settings": asdict(settings), "objective": asdict(objective)}
    with training_progress(shown=shown) as watch:
        return train_encoder(
            model,
            lists.training,
            settings,
            held_out=[query.candidates for query in lists.held_out],
            objective=objective,
            watch=watch,
            describe=partial(encoder_card, described=described, command=command),
        )


def _lists(data: EncoderData, settings: TrainingSettings, model: str | Path, *, progress: bool) -> TrainingLists:
    place = FirstStageSettings(
        index=data.source if is_index(data.source) else data.index,
        encoder=None if is_index(data.source) or data.index else model,
        scratch=settings.output / CHECKPOINTS,
        device=settings.device,
        progress=progress,
    )
    if data.teacher is not None:
        training, held_out = _distilled(data, settings, place)
    elif data.pseudo_queries:
        options = PseudoQueryOptions(
            limit=data.limit,
            negatives=data.depth,
            reranker=open_reranker(data.filter_with, device=settings.device),
            held_out=data.held_out,
            seed=settings.seed,
        )
        training, held_out = pseudo_query_lists_from(data.source, data.pseudo_queries, place, options)
    else:
        training, held_out = _judged(data, settings, place)
    return TrainingLists(tuple(training), tuple(HeldOutQuery(one, ()) for one in held_out))


def _judged(data: EncoderData, settings: TrainingSettings, place: FirstStageSettings) -> tuple[Lists, Lists]:
    found = read_training_data(
        data.source,
        split=data.split,
        dev_split=data.dev_split,
        held_out=data.held_out,
        limit=data.limit,
        seed=settings.seed,
    )
    texts = relevant_texts(found)
    filter_with = open_reranker(data.filter_with, device=settings.device)
    with open_first_stage(found.documents, place) as retriever:
        mining = HardNegativeOptions(depth=data.depth, margin=data.margin, filter_with=filter_with)
        training = hard_negative_lists(found.training, texts, retriever, mining)
        return training, hard_negative_lists(found.held_out, texts, retriever, HardNegativeOptions(depth=data.depth))


def _distilled(data: EncoderData, settings: TrainingSettings, place: FirstStageSettings) -> tuple[Lists, Lists]:
    assert data.teacher is not None
    assert data.queries is not None
    queries = read_queries(data.queries)
    Random(settings.seed).shuffle(queries)
    queries = queries[: data.limit]
    teacher = CrossEncoderReranker(data.teacher, device=settings.device)
    with (
        open_first_stage(documents_from(data.source), place, chunking=Chunking()) as retriever,
        counting("Scoring candidates", shown=place.progress) as count,
    ):
        lists = distilled_lists(queries, retriever, teacher, depth=data.depth, on_progress=count)
    kept_out = min(round(data.held_out * len(lists)), MAX_HELD_OUT, len(lists) - 1)
    return lists[kept_out:], lists[:kept_out]
