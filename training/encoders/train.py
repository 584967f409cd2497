"""Trains a bi-encoder on ranking lists, with the trainer and the losses of sentence-transformers."""

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

from ...errors import ModelError
from ...errors.arguments import checked_callable, checked_instance
from ...inference import ModelFiles, load_model, resolve_model, token_limit
from ..checkpoints import AtomicCheckpoints
from ..environment import is_main_process, quiet, require_training_packages
from ..output_folder import install_model, require_new_output, require_same_run
from ..ranking_list import RankingList, checked_lists
from ..record import QUALITY, TrainingRecord
from ..run import run_training, training_arguments
from ..settings import CHECKPOINTS, TrainingSettings, Watch
from .encoder_objective import EncoderObjective
from .retrieval_evaluation import JudgedPassages, mean_ndcg
from .rows import TrainingRow, training_rows

SCORES = "scores"
"""The column of a teacher's scores: a name that the trainer takes for labels."""
_PACKAGES = ("torch", "transformers", "sentence-transformers", "accelerate")


@dataclass(frozen=True, slots=True)
class TrainedEncoder:
    """How a training went.

    Args:
        rows: Training rows: a query with a relevant passage, or with a scored list.
        held_out: Held-out queries.
        before: nDCG@10 of the held-out queries before training; None if there are none.
        after: That of the saved model; the evaluations in ``record`` are without weight averaging.
        average: The share of the trained weights in the saved ones.
        record: Steps, losses and evaluations.
    """

    rows: int
    held_out: int
    before: float | None
    after: float | None
    average: float
    record: TrainingRecord


Describe = Callable[[TrainedEncoder], str]
"""Returns the model card."""


def train_encoder(  # noqa: PLR0913 - data, settings and callbacks
    model: str | Path,
    lists: Sequence[RankingList],
    settings: TrainingSettings,
    *,
    held_out: Sequence[RankingList] = (),
    objective: EncoderObjective | None = None,
    watch: Watch | None = None,
    describe: Describe | None = None,
) -> TrainedEncoder:
    """Train a bi-encoder and write it into the output folder, from which ``BiEncoder`` loads it.

    The saved weights are those with the best nDCG@10 on the held-out lists, or the last ones if there are none. A run
    that was stopped resumes at its newest checkpoint and ends as it would have.

    Args:
        model: The model to start from: a folder, a hub id or a bundled name.
        lists: Training lists.
        settings: How to train.
        held_out: Lists for evaluation: their queries are searched among the passages of all of them.
        objective: The loss, the passages of a step, and weight averaging.
        watch: Called after each step.
        describe: Returns the model card.

    Raises:
        ArgumentError: The lists have nothing to learn, or the run to resume had another model, other lists or settings.
        TrainingError: A package is missing, or a checkpoint cannot be written.
    """
    objective = EncoderObjective() if objective is None else checked_instance(objective, EncoderObjective, "objective")
    checked_instance(settings, TrainingSettings, "settings")
    lists, held_out = checked_lists(lists), checked_lists(held_out, "held_out")
    for name, function in (("watch", watch), ("describe", describe)):
        if function is not None:
            checked_callable(function, name)
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
    """Average weights (WiSE-FT): ``share`` of the model's own plus the rest of those in ``folder``, in place."""
    from sentence_transformers import SentenceTransformer

    start = dict(load_model(SentenceTransformer, folder, device="cpu").named_parameters())
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights.copy_(torch.lerp(start[name].to(weights), weights, share))


def _quality(trainer: Any) -> float | None:  # noqa: ANN401
    """The quality on the held-out lists; None if there are none."""
    return trainer.evaluator(trainer.model)[QUALITY] if trainer.evaluator else None


def _description(
    model: ModelFiles,
    lists: Sequence[RankingList],
    held_out: Sequence[RankingList],
    settings: TrainingSettings,
    objective: EncoderObjective,
) -> Mapping[str, object]:
    """What the result depends on, except for versions and the number of processes."""
    digest = hashlib.sha256()
    for item in (*lists, *held_out):
        digest.update(json.dumps([item.query, item.passages, item.labels]).encode("utf-8"))
    free = ("output", "device")
    return {
        "model": model.id,
        "model_sha256": model.weights_sha256,
        "lists": len(lists),
        "lists_sha256": digest.hexdigest(),
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
    """The trainer, and the maximum tokens of the model before the limit of the settings was applied."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
    from sentence_transformers.base.sampler import BatchSamplers

    made: Any = type("EncoderTrainer", (AtomicCheckpoints, SentenceTransformerTrainer), {})
    encoder: Any = load_model(SentenceTransformer, folder, device=settings.device)
    kind = type(encoder[0]).__name__
    if kind != "Transformer":
        raise ModelError(f"{folder} is made of a {kind}; only encoders of one transformer can be trained")
    limit = encoder.max_seq_length
    least = int(encoder.tokenizer.num_special_tokens_to_add(pair=False)) + 1
    encoder.max_seq_length = token_limit(encoder[0], settings.max_length, least=least)
    columns = _columns(rows)
    arguments = training_arguments(Arguments, settings, evaluated=bool(held_out.queries))
    arguments.num_train_epochs, arguments.max_steps = settings.epochs, settings.max_steps or -1
    # Passages of other lists count as negatives: a relevant one must not be among them.
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
    """The columns of the trainer's dataset: the query, one for each passage, and the teacher's scores."""
    columns: dict[str, list[Any]] = {"query": [row.query for row in rows]}
    for position in range(len(rows[0].passages)):
        columns[f"passage {position}"] = [row.passages[position] for row in rows]
    if rows[0].scores:
        columns[SCORES] = [list(row.scores) for row in rows]
    return columns


def _prompts(encoder: Any, columns: Sequence[str]) -> dict[str, str]:  # noqa: ANN401
    """The prompts of the model for the texts of each column, if it has any."""
    # The names under which sentence-transformers looks for it, in its order.
    document = next((name for name in ("document", "passage", "corpus") if name in encoder.prompts), "")
    names = {name: "query" if name == "query" else document for name in columns if name != SCORES}
    prompts = {name: encoder.prompts.get(prompt) for name, prompt in names.items()}
    return {name: prompt for name, prompt in prompts.items() if prompt}


def _shuffled(dataset: Any, **options: Any) -> Any:  # noqa: ANN401
    """A batch sampler whose order depends only on the seed and the epoch, so that a resumed run has the same batches.

    The trainer's own order depends on all previous epochs.
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
    """Cosines of rows, scaled to the range of a teacher's logits."""
    return scale * torch.nn.functional.cosine_similarity(queries, passages)


def _evaluator(held_out: JudgedPassages, settings: TrainingSettings) -> Any:  # noqa: ANN401
    """An evaluator for the trainer: nDCG@10 by exact search."""
    from sentence_transformers.base.evaluation import BaseEvaluator

    class ExactSearchEvaluator(BaseEvaluator):
        def __call__(self, model: Any, *_: object, **__: object) -> dict[str, float]:  # noqa: ANN401
            with torch.autocast(model.device.type, torch.bfloat16, enabled=settings.dtype == "bfloat16"):
                queries = model.encode_query(list(held_out.queries), normalize_embeddings=True)
                passages = model.encode_document(list(held_out.passages), normalize_embeddings=True)
            return {QUALITY: mean_ndcg(queries @ passages.T, held_out.gains)}

    return ExactSearchEvaluator()
