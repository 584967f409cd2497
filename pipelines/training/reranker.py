"""A reranker from a collection: documents, judgments, negatives by stage one, training, and how good it became.

Knows the parts, and nothing of what they do. It is imported by whoever trains: with it comes torch.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from ...errors import ArgumentError
from ...inference import resolve_model
from ...rerank import DEFAULT_RERANKER, CrossEncoderReranker
from ...training import (
    CHECKPOINTS,
    Evaluated,
    TrainingRecord,
    TrainingSettings,
    is_main_process,
    main_process_first,
    require_new_output,
    require_training_packages,
    training_device,
)
from ...training.rerankers import RerankerMethod, train_reranker
from ..evaluation import canonical
from ..models import open_reranker
from ..progress import training_progress
from .data import read_training_data, relevant_texts
from .first_stage import FirstStageSettings, is_index, open_first_stage
from .hard_negatives import HardNegativeOptions, hard_negative_lists, judged_candidates
from .lists import TrainingLists, load_or_make_lists
from .pseudo_lists import PseudoQueryOptions, pseudo_query_lists_from
from .pseudo_queries import PseudoQueryKind
from .reranker_card import reranker_card
from .reranker_evaluation import HeldOutQuery, ScorePairs, evaluate_blends


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerData:
    """Where lists come from: the arguments of ``read_training_data``, and how negatives are found.

    ``index`` is one that is there already; without it one is made for the time of mining, with ``encoder``. ``margin``
    and ``filter_with``, the name of a reranker, leave out what is likely to be relevant, as ``HardNegativeOptions``
    says. ``teacher`` is the name of a reranker whose scores take the place of grades. ``pseudo_queries`` names
    the kinds of pseudo-queries to make from ``source``, any collection or an index, in place of judgments: ``limit``
    of them are drawn, and filtered for consistency by ``filter_with``.
    """

    source: Path
    pseudo_queries: tuple[PseudoQueryKind, ...] = ()
    split: str = "train"
    dev_split: str | None = None
    held_out: float = 0.1
    limit: int | None = None
    index: Path | None = None
    encoder: str | None = None
    depth: int = 50
    margin: float | None = None
    filter_with: str | None = None
    teacher: str | None = None


@dataclass(frozen=True, slots=True)
class TrainedReranker:
    """What came of a training; ``held_out`` measures the weights that were kept, None where nothing was held out."""

    output: Path
    training_lists: int
    held_out_queries: int
    held_out: Evaluated | None
    record: TrainingRecord


def train_reranker_on(
    data: RerankerData,
    settings: TrainingSettings,
    *,
    model: str | Path = DEFAULT_RERANKER,
    method: RerankerMethod | None = None,
    command: str = "",
    progress: bool = False,
) -> TrainedReranker:
    """Train ``model`` on a collection, and write it, its card and its blend into ``settings.output``.

    The same call goes on where a run was cut off, as ``train_reranker`` says. Raises ``ArgumentError``,
    ``EvaluationError`` and ``TrainingError`` for data that cannot be learned from, before anything is trained.
    """
    method = method or RerankerMethod()
    if (method.loss == "margin-mse") != (data.teacher is not None):
        raise ArgumentError("a teacher and the loss margin-mse belong together: name both or none")
    require_training_packages()
    training_device(settings)  # at once, and not after an hour of mining
    resolve_model(model)
    require_new_output(settings.output)
    if data.held_out or data.dev_split:
        canonical(["nDCG@10"])  # at once where the package is not there
    made_of = asdict(data) | {"seed": settings.seed}
    with main_process_first():
        folder = settings.output / CHECKPOINTS
        lists = load_or_make_lists(folder, made_of, lambda: _mined(data, settings, progress=progress))

    described = {"base": str(model), "data": asdict(data), "settings": asdict(settings), "method": asdict(method)}

    def evaluate(score: ScorePairs) -> Evaluated:
        return evaluate_blends(lists.held_out, score)

    with training_progress(shown=progress and is_main_process()) as watch:
        record = train_reranker(
            lists.training,
            settings,
            model=model,
            method=method,
            evaluate=evaluate if lists.held_out else None,
            watch=watch,
            describe=partial(reranker_card, described=described, lists=lists, command=command),
        )
    return TrainedReranker(settings.output, len(lists.training), len(lists.held_out), record.best, record)


def _mined(data: RerankerData, settings: TrainingSettings, *, progress: bool) -> TrainingLists:
    indexed = data.pseudo_queries and is_index(data.source)
    place = FirstStageSettings(
        index=data.source if indexed else data.index,
        encoder=data.encoder,
        scratch=settings.output / CHECKPOINTS,
        device=settings.device,
        progress=progress,
    )
    found = _pseudo_query_lists(data, settings, place) if data.pseudo_queries else _judged(data, settings, place)
    if data.teacher is None:
        return found
    teacher = CrossEncoderReranker(data.teacher, device=settings.device)
    taught = (
        replace(item, labels=tuple(teacher.score([(item.query, text) for text in item.passages]).tolist()))
        for item in found.training
    )
    return replace(found, training=tuple(taught))


def _judged(data: RerankerData, settings: TrainingSettings, place: FirstStageSettings) -> TrainingLists:
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
    mining = HardNegativeOptions(depth=data.depth, margin=data.margin, filter_with=filter_with)
    with open_first_stage(found.documents, place) as retriever:
        lists = hard_negative_lists(found.training, texts, retriever, mining)
        return TrainingLists(tuple(lists), tuple(judged_candidates(found.held_out, retriever, data.depth)))


def _pseudo_query_lists(data: RerankerData, settings: TrainingSettings, place: FirstStageSettings) -> TrainingLists:
    options = PseudoQueryOptions(
        limit=data.limit,
        negatives=data.depth,
        reranker=open_reranker(data.filter_with, device=settings.device),
        held_out=data.held_out,
        seed=settings.seed,
    )
    training, held_out = pseudo_query_lists_from(data.source, data.pseudo_queries, place, options, priors=True)
    return TrainingLists(tuple(training), tuple(HeldOutQuery(item, ()) for item in held_out))
