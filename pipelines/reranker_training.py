"""A reranker from a collection: documents, judgments, negatives by stage one, training, and how good it became.

Knows the parts, and nothing of what they do. It is imported by whoever trains: with it comes torch.
"""

import contextlib
import tempfile
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import ArgumentError
from ..index import Index
from ..inference import resolve_model
from ..inference.training import (
    CHECKPOINTS,
    Evaluated,
    TrainingRecord,
    TrainingSettings,
    is_main_process,
    main_process_first,
    require_training_packages,
    training_device,
)
from ..inference.training_folder import require_new, require_same, write_whole
from ..rerank import DEFAULT_RERANKER, CrossEncoderReranker
from ..rerank.method import RerankerMethod
from ..rerank.training import train_reranker
from ..retrieval import DEFAULT_ENCODER, DenseRetriever, HybridRetriever
from .held_out import Score, measure_held_out
from .indexing import build_index
from .measures import canonical
from .mining import Mining, held_out_queries, mine_lists
from .models import load_encoder, open_encoder
from .progress import training_progress
from .reranker_card import reranker_card
from .training_data import TrainingData, read_training_data, relevant_texts
from .training_lists import TrainingLists, read_lists, write_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerData:
    """Where lists come from: the arguments of ``read_training_data``, and how negatives are found.

    ``index`` is one that is there already; without it one is made for the time of mining, with ``encoder``. ``margin``
    and ``filter_with``, the name of a reranker, leave out what is likely to be relevant, as ``Mining`` says.
    ``teacher`` is the name of a reranker whose scores take the place of grades.
    """

    source: Path
    split: str = "train"
    dev_split: str | None = None
    held_out: float = 0.1
    queries: int | None = None
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
    require_new(settings.output)
    if data.held_out or data.dev_split:
        canonical(["nDCG@10"])  # at once where the package is not there
    with main_process_first():
        lists = _prepared(data, settings, progress=progress)

    def evaluate(score: Score) -> Evaluated:
        return measure_held_out(lists.held_out, score)

    with training_progress(shown=progress and is_main_process()) as watch:
        record = train_reranker(
            lists.training,
            settings,
            model=model,
            method=method,
            evaluate=evaluate if lists.held_out else None,
            watch=watch,
        )
    trained = TrainedReranker(settings.output, len(lists.training), len(lists.held_out), record.best, record)
    if is_main_process():
        described = {"base": str(model), "data": asdict(data), "settings": asdict(settings), "method": asdict(method)}
        card = reranker_card(record, described, lists=lists, command=command)
        write_whole(settings.output / "README.md", card)
    return trained


def _prepared(data: RerankerData, settings: TrainingSettings, *, progress: bool) -> TrainingLists:
    """The lists: as they were written when the run began, else from the collection."""
    folder = settings.output / CHECKPOINTS
    description = {name: None if value is None else str(value) for name, value in asdict(data).items()}
    if (folder / "lists.jsonl").is_file():
        require_same(folder / "data.json", description | {"seed": settings.seed})
        return read_lists(folder / "lists.jsonl")
    lists = _mined(data, settings, progress=progress)
    (folder / "data.json").unlink(missing_ok=True)
    require_same(folder / "data.json", description | {"seed": settings.seed})
    write_lists(folder / "lists.jsonl", lists)
    return lists


def _mined(data: RerankerData, settings: TrainingSettings, *, progress: bool) -> TrainingLists:
    found = read_training_data(
        data.source,
        split=data.split,
        dev_split=data.dev_split,
        held_out=data.held_out,
        queries=data.queries,
        seed=settings.seed,
    )
    texts = relevant_texts(found)
    filter_with = None if data.filter_with is None else CrossEncoderReranker(data.filter_with, device=settings.device)
    mining = Mining(depth=data.depth, margin=data.margin, filter_with=filter_with)
    with _stage_one(data, found, settings, progress=progress) as retriever:
        lists = mine_lists(found.training, texts, retriever, mining)
        held_out = held_out_queries(found.held_out, retriever, data.depth)
    if data.teacher is not None:
        teacher = CrossEncoderReranker(data.teacher, device=settings.device)
        lists = [
            replace(item, labels=tuple(teacher.score([(item.query, text) for text in item.passages]).tolist()))
            for item in lists
        ]
    return TrainingLists(tuple(lists), tuple(held_out))


@contextlib.contextmanager
def _stage_one(
    data: RerankerData, found: TrainingData, settings: TrainingSettings, *, progress: bool
) -> Generator[DenseRetriever | HybridRetriever]:
    """A search of the index that was named, or of one that is there for this time alone."""
    if data.index is not None:
        index = Index.open(data.index)
        encoder = open_encoder(index, data.encoder, device=settings.device)
        yield HybridRetriever(index, encoder) if index.lexical else DenseRetriever(index, encoder)
        return
    encoder = load_encoder(data.encoder or DEFAULT_ENCODER, device=settings.device)
    folder = settings.output / CHECKPOINTS
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        index = build_index(
            found.documents,
            Path(scratch) / "index",
            encoder=encoder,
            reranker=None,
            lexical=True,
            chunking=None,
            progress=progress,
        )
        yield HybridRetriever(index, encoder)
