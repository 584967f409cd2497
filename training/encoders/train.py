"""Trains a bi-encoder on ranking lists with sentence-transformers' trainer and losses. Knows no index and no source."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ...inference import ModelFiles, load_model, resolve_model, token_limit
from ..checkpoints import AtomicCheckpoints
from ..environment import is_main_process, quiet, require_training_packages
from ..output_folder import install_model, require_new_output, require_same_run
from ..ranking_list import RankingList
from ..record import QUALITY, TrainingRecord
from ..run import run_training, training_arguments
from ..settings import CHECKPOINTS, TrainingSettings, Watch
from .encoder_objective import EncoderObjective
from .retrieval_evaluation import JudgedPassages, mean_ndcg
from .rows import TrainingRow, training_rows

SCORES = "scores"
"""The column of a teacher's scores, under a name that the trainer takes for labels."""
_PACKAGES = ("torch", "transformers", "sentence-transformers", "accelerate")


@dataclass(frozen=True, slots=True)
class TrainedEncoder:
    """How a training went: ``before`` and ``after`` are nDCG@10 of the held-out queries, None where there are none.

    ``rows`` is how many there were to train on: a query with a relevant passage, or with a list that is scored.
    ``average`` is the objective's: evaluations in ``record`` are of what was learned, ``after`` of what is written.
    """

    rows: int
    held_out: int
    before: float | None
    after: float | None
    average: float
    record: TrainingRecord


Describe = Callable[[TrainedEncoder], str]
"""Writes the model card."""


def train_encoder(  # noqa: PLR0913 - what is learned from, how, and how it is seen
    model: str | Path,
    lists: Sequence[RankingList],
    settings: TrainingSettings,
    *,
    held_out: Sequence[RankingList] = (),
    objective: EncoderObjective | None = None,
    watch: Watch | None = None,
    describe: Describe | None = None,
) -> TrainedEncoder:
    """Train the bi-encoder ``model`` on ``lists``, and write it to ``settings.output``, where ``BiEncoder`` finds it.

    The passages of ``held_out`` together are a collection that its queries are searched in, exactly; the weights that
    are written are those with the best nDCG@10 there, or the last ones where nothing is held out, averaged with those
    of ``model`` where ``objective`` says so. A run that was cut off goes on at its newest checkpoint, and ends as it
    would have; ``ArgumentError`` says where model, lists, settings or objective are not the same, and where the lists
    have nothing to learn. Raises ``TrainingError`` where a package, or room for a checkpoint, is missing. ``describe``
    writes the model card.
    """
    objective = objective or EncoderObjective()
    require_training_packages()
    require_new_output(settings.output)
    rows = training_rows(lists, objective, seed=settings.seed)
    kept_out = JudgedPassages.of(held_out, scored=not objective.graded)
    folder = resolve_model(model)
    description = _description(ModelFiles.of(model, folder), lists, held_out, settings, objective)
    with quiet():
        trainer, limit = _trainer(folder, rows, kept_out, settings, objective)
        if is_main_process():
            require_same_run(settings.output / CHECKPOINTS / "encoder.json", description)
        before = _quality(trainer)
        record = run_training(trainer, settings, watch=watch)
        after = record.best[QUALITY] if record.best else None
        if objective.average < 1:
            average_weights(trainer.model, folder, objective.average)
            after = _quality(trainer)
    trained = TrainedEncoder(len(rows), len(kept_out.queries), before, after, objective.average, record)
    if is_main_process():
        trainer.model.max_seq_length = limit
        save = partial(_save, trainer.model, "" if describe is None else describe(trained))
        versions = {package: version(package) for package in _PACKAGES}
        with quiet():
            install_model(settings.output, save, {**description, "versions": versions, **asdict(trained)})
    return trained


def average_weights(model: torch.nn.Module, folder: Path, share: float) -> None:
    """Let the model have ``share`` of its own weights, and the rest of those in ``folder``, which it began with."""
    from sentence_transformers import SentenceTransformer

    start = dict(load_model(SentenceTransformer, folder, device="cpu").named_parameters())
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights.copy_(torch.lerp(start[name].to(weights), weights, share))


def _quality(trainer: Any) -> float | None:  # noqa: ANN401
    """Of the held-out queries, None where there are none."""
    return trainer.evaluator(trainer.model)[QUALITY] if trainer.evaluator else None


def _description(
    model: ModelFiles,
    lists: Sequence[RankingList],
    held_out: Sequence[RankingList],
    settings: TrainingSettings,
    objective: EncoderObjective,
) -> Mapping[str, object]:
    """All that the result depends on, but for versions and the number of processes."""
    read = hashlib.sha256()
    for one in (*lists, *held_out):
        read.update(json.dumps([one.query, one.passages, one.labels]).encode("utf-8"))
    free = ("output", "device")
    return {
        "model": model.id,
        "model_sha256": model.weights_sha256,
        "lists": len(lists),
        "lists_sha256": read.hexdigest(),
        **{name: value for name, value in asdict(settings).items() if name not in free},
        **asdict(objective),
    }


def _save(encoder: Any, card: str, folder: Path) -> None:  # noqa: ANN401 - sentence-transformers' own
    encoder.save_pretrained(str(folder), create_model_card=False)
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")


def _trainer(
    folder: Path,
    rows: Sequence[TrainingRow],
    held_out: JudgedPassages,
    settings: TrainingSettings,
    objective: EncoderObjective,
) -> tuple[Any, int]:
    """The trainer of a model, and the tokens that the model read before it was given the settings' limit."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
    from sentence_transformers.base.sampler import BatchSamplers

    made: Any = type("EncoderTrainer", (AtomicCheckpoints, SentenceTransformerTrainer), {})
    encoder: Any = load_model(SentenceTransformer, folder, device=settings.device)
    limit = encoder.max_seq_length
    least = int(encoder.tokenizer.num_special_tokens_to_add(pair=False)) + 1
    encoder.max_seq_length = token_limit(encoder, settings.max_length, least=least)
    columns = _columns(rows)
    arguments = training_arguments(Arguments, settings, evaluated=bool(held_out.queries))
    arguments.num_train_epochs, arguments.max_steps = settings.epochs, settings.max_steps or -1
    # Among passages of other lists, which count as wrong, there must be none that is right.
    arguments.batch_sampler = BatchSamplers.NO_DUPLICATES if objective.graded else _shuffled
    arguments.prompts = _prompts(encoder, list(columns))
    trainer = made(
        model=encoder,
        args=arguments,
        train_dataset=cast(Any, Dataset).from_dict(columns),
        loss=_loss(encoder, objective),
        evaluator=_evaluator(held_out, settings) if held_out.queries else None,
    )
    return trainer, limit


def _columns(rows: Sequence[TrainingRow]) -> dict[str, list[Any]]:
    """As the trainer wants them: the query, a column for each passage, and the teacher's scores."""
    columns: dict[str, list[Any]] = {"query": [row.query for row in rows]}
    for place in range(len(rows[0].passages)):
        columns[f"passage {place}"] = [row.passages[place] for row in rows]
    if rows[0].scores:
        columns[SCORES] = [list(row.scores) for row in rows]
    return columns


def _prompts(encoder: Any, columns: Sequence[str]) -> dict[str, str]:  # noqa: ANN401
    """What the model wants to stand before the texts of each column, where it wants anything."""
    # The names, in this order, that sentence-transformers goes by.
    document = next((name for name in ("document", "passage", "corpus") if name in encoder.prompts), "")
    names = {name: "query" if name == "query" else document for name in columns if name != SCORES}
    prompts = {name: encoder.prompts.get(prompt) for name, prompt in names.items()}
    return {name: prompt for name, prompt in prompts.items() if prompt}


def _shuffled(dataset: Any, **options: Any) -> Any:  # noqa: ANN401
    """Batches of rows in an order that the seed and the epoch make alone: one that is taken up again goes on as it was.

    The trainer's own order depends on all the epochs before.
    """
    from sentence_transformers import DefaultBatchSampler

    class Shuffled(DefaultBatchSampler):
        def __iter__(self) -> Iterator[list[int]]:
            generator = torch.Generator().manual_seed(self.seed + self.epoch)
            order = cast("list[int]", cast(Any, torch.randperm(len(dataset), generator=generator)).tolist())
            for start in range(0, len(order), self.batch_size):
                if start + self.batch_size <= len(order) or not self.drop_last:
                    yield order[start : start + self.batch_size]

    return Shuffled(dataset, **options)


def _loss(encoder: Any, objective: EncoderObjective) -> Any:  # noqa: ANN401
    from sentence_transformers.sentence_transformer import losses

    if objective.loss == "multiple-negatives":
        if objective.mini_batch is None:
            return losses.MultipleNegativesRankingLoss(encoder, scale=objective.scale)
        return losses.CachedMultipleNegativesRankingLoss(
            encoder, scale=objective.scale, mini_batch_size=objective.mini_batch
        )
    similarity = partial(_scaled_cosine, scale=objective.scale)
    if objective.loss == "margin-mse":
        return losses.MarginMSELoss(encoder, similarity_fct=similarity)
    return losses.DistillKLDivLoss(encoder, similarity_fct=similarity)


def _scaled_cosine(queries: Tensor, passages: Tensor, *, scale: float) -> Tensor:
    """Cosines of rows, in the range of a teacher's logits: unscaled they could never be as far apart as these."""
    return scale * torch.nn.functional.cosine_similarity(queries, passages)


def _evaluator(held_out: JudgedPassages, settings: TrainingSettings) -> Any:  # noqa: ANN401
    """nDCG@10 by exact search, for the trainer to call."""
    from sentence_transformers.base.evaluation import BaseEvaluator

    class ExactSearchEvaluator(BaseEvaluator):
        def __call__(self, model: Any, *_: object, **__: object) -> dict[str, float]:  # noqa: ANN401
            with torch.autocast(model.device.type, torch.bfloat16, enabled=settings.dtype == "bfloat16"):
                queries = model.encode_query(list(held_out.queries), normalize_embeddings=True)
                passages = model.encode_document(list(held_out.passages), normalize_embeddings=True)
            return {QUALITY: mean_ndcg(queries @ passages.T, held_out.gains)}

    return ExactSearchEvaluator()
