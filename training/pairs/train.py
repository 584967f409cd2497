"""Trains a cross-encoder on judged pairs, with the trainer of sentence-transformers."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from ...errors import ArgumentError
from ...inference import ModelFiles, resolve_model
from ..checkpoints import AtomicCheckpoints
from ..cross_encoders import (
    limit_tokens,
    open_cross_encoder,
    output_layer,
    quality_evaluator,
    raw_outputs,
    replace_output_layer,
)
from ..environment import is_main_process, quiet, require_training_packages
from ..lora import add_adapters, merge_adapters
from ..output_folder import install_model, require_new_output, require_same_run
from ..record import Evaluated, TrainingRecord
from ..run import numbered_draws, run_training, training_arguments
from ..settings import CHECKPOINTS, TrainingSettings, Watch
from .measures import measured
from .method import JudgedPair, PairMethod, check_judged, require_differences
from .sampler import PairSampler

Describe = Callable[[TrainingRecord], str]
"""Returns the model card."""

_PACKAGES = ("torch", "transformers", "sentence-transformers", "accelerate")


def train_pairs(  # noqa: PLR0913 - data, settings and callbacks
    pairs: Sequence[JudgedPair],
    settings: TrainingSettings,
    *,
    model: str | Path,
    method: PairMethod | None = None,
    held_out: Sequence[JudgedPair] = (),
    watch: Watch | None = None,
    describe: Describe | None = None,
) -> TrainingRecord:
    """Train a cross-encoder on judged pairs and write it into the output folder.

    ``PairScorer`` and CrossEncoder of sentence-transformers open it. Similarity and paraphrase have one output, whose
    sigmoid is learned by binary cross-entropy; entailment has one for each label. A run that was stopped resumes at its
    newest checkpoint and ends as it would have.

    Args:
        pairs: Pairs to train on.
        settings: How to train; ``lists_per_step`` are the pairs of a step.
        model: The model to start from: a cross-encoder or an encoder. A head with other outputs is replaced by a new
            one.
        method: What to learn, and which parameters are trained.
        held_out: Pairs for evaluation; the best weights are saved, and training may stop early. None: the last weights.
        watch: Called after each step.
        describe: Returns the model card.

    Raises:
        ArgumentError: The pairs have nothing to learn, or the run to resume had other pairs or settings.
        ModelError: The model cannot be loaded.
        TrainingError: A package is missing, or a checkpoint cannot be written.
    """
    method = method or PairMethod()
    require_training_packages()
    require_new_output(settings.output)
    check_judged(pairs, method)
    check_judged(held_out, method)
    require_differences(pairs)
    folder = resolve_model(model)
    description = _description(pairs, held_out, settings, method, model)
    with quiet():
        cross_encoder = _load(folder, settings, method)
        if is_main_process():  # a model that cannot be loaded leaves nothing behind
            require_same_run(settings.output / CHECKPOINTS / "pairs.json", description)
        own = limit_tokens(cross_encoder, settings.max_length)
        record = run_training(_trainer(cross_encoder, pairs, held_out, settings, method), settings, watch=watch)
        cross_encoder[0].processing_kwargs = own
        if is_main_process():
            card = "" if describe is None else describe(record)
            versions = {package: version(package) for package in _PACKAGES}
            written = {**description, "versions": versions, "record": asdict(record)}
            install_model(settings.output, _Saved(cross_encoder, method, card).write, written)
    return record


@dataclass(frozen=True, slots=True)
class _Saved:
    """A trained model and what is written with it."""

    cross_encoder: Any
    method: PairMethod
    card: str

    def write(self, target: Path) -> None:
        """Write the merged model with its labels and its activation, and the model card."""
        self.cross_encoder.to("cpu")
        if self.method.lora is not None:
            merge_adapters(self.cross_encoder.model)
        labels = self.method.labels
        if labels:
            self.cross_encoder.model.config.id2label = dict(enumerate(labels))
            self.cross_encoder.model.config.label2id = {label: number for number, label in enumerate(labels)}
        self.cross_encoder.activation_fn = nn.Identity() if labels else nn.Sigmoid()
        self.cross_encoder.save_pretrained(str(target), create_model_card=False)
        if self.card:
            (target / "README.md").write_text(self.card, encoding="utf-8")


def _description(
    pairs: Sequence[JudgedPair],
    held_out: Sequence[JudgedPair],
    settings: TrainingSettings,
    method: PairMethod,
    model: str | Path,
) -> dict[str, object]:
    """What the result depends on, except for versions and the number of processes."""
    digest = hashlib.sha256()
    for pair in (*pairs, *held_out):
        digest.update(json.dumps([pair.first, pair.second, pair.target]).encode("utf-8"))
    free = ("output", "device")
    return {
        "model": str(model),
        "model_sha256": ModelFiles.of(model, resolve_model(model)).weights_sha256,
        "pairs": len(pairs),
        "held_out": len(held_out),
        "pairs_sha256": digest.hexdigest(),
        **{name: value for name, value in asdict(settings).items() if name not in free},
        **asdict(method),
    }


def _load(folder: Path, settings: TrainingSettings, method: PairMethod) -> Any:  # noqa: ANN401
    """The CrossEncoder, ready to be trained, with a new output layer where the model's own is for something else."""
    cross_encoder = open_cross_encoder(folder, settings, outputs=method.outputs)
    if type(cross_encoder[-1]).__name__ != "Transformer":
        raise ArgumentError(f"{folder} scores by words of a language model; start from an encoder or a classifier")
    old = output_layer(cross_encoder.model)[1]
    named = cast("dict[int, str]", cross_encoder.model.config.id2label)
    if method.labels and set(named.values()) == set(method.labels):
        numbers = {name: number for number, name in named.items()}
        replace_output_layer(cross_encoder.model, _with_rows(old, [numbers[label] for label in method.labels]))
    elif method.labels or cross_encoder.num_labels != 1:
        replace_output_layer(
            cross_encoder.model, _new_layer(cross_encoder.model.config, old.in_features, method.outputs)
        )
    if method.lora is not None:
        add_adapters(cross_encoder.model, rank=method.lora.rank, scale=method.lora.scale)
    return cross_encoder


def _with_rows(layer: nn.Linear, rows: list[int]) -> nn.Linear:
    """The same outputs in another order."""
    ordered = nn.Linear(layer.in_features, len(rows))
    with torch.no_grad():
        ordered.weight.copy_(layer.weight[rows])
        ordered.bias.copy_(layer.bias[rows])
    return ordered


def _new_layer(config: Any, width: int, outputs: int) -> nn.Linear:  # noqa: ANN401
    layer = nn.Linear(width, outputs)
    nn.init.normal_(layer.weight, std=getattr(config, "initializer_range", 0.02))
    nn.init.zeros_(layer.bias)
    return layer


def _trainer(
    cross_encoder: Any,  # noqa: ANN401
    pairs: Sequence[JudgedPair],
    held_out: Sequence[JudgedPair],
    settings: TrainingSettings,
    method: PairMethod,
) -> Any:  # noqa: ANN401
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss, CrossEntropyLoss

    made: Any = type("PairTrainer", (AtomicCheckpoints, CrossEncoderTrainer), {})
    sampler = PairSampler(
        pairs, per_step=settings.lists_per_step, seed=settings.seed, both_orders=method.task != "entailment"
    )

    def evaluated(model: Any) -> Evaluated:  # noqa: ANN401
        texts = [(pair.first, pair.second) for pair in held_out]
        return measured(held_out, raw_outputs(model, texts, settings), method)

    return made(
        model=cross_encoder,
        args=training_arguments(CrossEncoderTrainingArguments, settings, evaluated=bool(held_out)),
        train_dataset=numbered_draws(settings, len(pairs)),
        data_collator=PairCollator(sampler, whole=bool(method.labels)),
        loss=CrossEntropyLoss(cross_encoder) if method.labels else BinaryCrossEntropyLoss(cross_encoder),
        evaluator=quality_evaluator(evaluated) if held_out else None,
    )


class PairCollator:
    """The data collator of the trainer: from the numbers of draws to the columns of one step.

    Args:
        sampler: Draws the pairs.
        whole: Whether targets are the numbers of labels.
    """

    valid_label_columns = ("label",)

    def __init__(self, sampler: PairSampler, *, whole: bool) -> None:
        self._sampler, self._whole = sampler, whole

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        """Return both texts of each pair, and the targets."""
        drawn = [self._sampler[row["draw"]] for row in rows]
        targets = [pair.target for pair in drawn]
        return {
            "first": [pair.first for pair in drawn],
            "second": [pair.second for pair in drawn],
            "label": torch.tensor([int(target) for target in targets] if self._whole else targets),
        }
