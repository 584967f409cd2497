"""Trains a cross-encoder on ranking lists, with the trainer of sentence-transformers."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import nn

from ...errors import ArgumentError
from ...errors.arguments import checked_callable, checked_instance
from ...inference import (
    ADAPTER_WEIGHTS,
    EXITS,
    MODEL_SETTINGS,
    AdapterSettings,
    ExitHead,
    ModelFiles,
    read_exits,
    resolve_model,
    save_heads,
    write_exits,
)
from ...rerank import require_scoring_outputs
from ..checkpoints import AtomicCheckpoints
from ..cross_encoders import PAIRS_AT_ONCE, limit_tokens, open_cross_encoder, quality_evaluator, raw_outputs
from ..environment import is_main_process, quiet, require_training_packages
from ..lora import adapter_state, add_adapters, merge_adapters
from ..output_folder import install_model, require_new_output, require_same_run
from ..ranking_list import RankingList, checked_lists
from ..record import QUALITY, Evaluated, TrainingRecord
from ..run import numbered_draws, run_training, training_arguments
from ..settings import CHECKPOINTS, TrainingSettings, Watch
from .collator import RankingListCollator
from .joint_exits import add_exits, remove_exits
from .list_sampler import ListSampler, usable_lists
from .reranker_method import RerankerMethod, ScorePairs
from .scoring_head import with_one_output

BLEND = "blend"
"""The key of an evaluation with the best weight of the model against the first stage."""
ADAPTER_FOLDER = "adapter"

Evaluate = Callable[[ScorePairs], Evaluated]
"""Evaluates the model in its current state; returns ``QUALITY``, and ``BLEND`` if it chose one."""

Describe = Callable[[TrainingRecord], str]
"""Returns the model card."""

_PACKAGES = ("torch", "transformers", "sentence-transformers", "accelerate")
_BUNDLED = "BertModel"  # the architecture whose adapters ``bicross.inference`` merges


def train_reranker(  # noqa: PLR0913 - data, settings and callbacks
    lists: Sequence[RankingList],
    settings: TrainingSettings,
    *,
    model: str | Path,
    method: RerankerMethod | None = None,
    evaluate: Evaluate | None = None,
    watch: Watch | None = None,
    describe: Describe | None = None,
) -> TrainingRecord:
    """Train a cross-encoder and write it into the output folder.

    A run that was stopped resumes at its newest checkpoint and ends as it would have: exactly, on a CPU with the same
    number of threads. LoRA adapters are merged into the weights; those of a bare BERT encoder are also written to
    ``adapter/``, from which a bundled model can be made.

    Args:
        lists: Training lists.
        settings: How to train.
        model: The model to start from, by folder, hub id or bundled name: a cross-encoder with one output or two, or an
            encoder, which gets a new head.
        method: The loss, the trained parameters, and the passages of a step.
        evaluate: Evaluates the model; the best weights are saved, and training may stop early. None: the last weights.
        watch: Called after each step.
        describe: Returns the model card.

    Raises:
        ArgumentError: The lists have nothing to learn, or the run to resume had other lists or settings.
        ModelError: The model has three outputs or more, or its file lacks a weight.
        TrainingError: A package is missing, or a checkpoint cannot be written.
    """
    method = RerankerMethod() if method is None else checked_instance(method, RerankerMethod, "method")
    checked_instance(settings, TrainingSettings, "settings")
    lists = checked_lists(lists)
    for name, function in (("evaluate", evaluate), ("watch", watch), ("describe", describe)):
        if function is not None:
            checked_callable(function, name)
    require_training_packages()
    require_new_output(settings.output)
    usable = usable_lists(lists, method)
    folder = resolve_model(model)
    description = _description(usable, settings, method, model)
    with quiet():
        cross_encoder = _load(model, folder, settings, method)
        if is_main_process():  # a model that cannot be loaded leaves nothing behind
            require_same_run(settings.output / CHECKPOINTS / "reranker.json", description)
        own = limit_tokens(cross_encoder, settings.max_length)
        trainer = _trainer(cross_encoder, usable, settings, method, evaluate)
        record = run_training(trainer, settings, watch=watch)
        cross_encoder[0].processing_kwargs = own
        if is_main_process():
            card = "" if describe is None else describe(record)
            versions = {package: version(package) for package in _PACKAGES}
            written = {**description, "versions": versions, "record": asdict(record)}
            install_model(
                settings.output, _Saved(cross_encoder, folder, str(model), method, record, card).write, written
            )
    return record


@dataclass(frozen=True, slots=True)
class _Saved:
    """A trained model and what is written with it."""

    cross_encoder: Any
    base: Path
    name: str
    method: RerankerMethod
    record: TrainingRecord
    card: str

    def write(self, target: Path) -> None:
        """Write the merged model, its blend and exit heads, and the adapter of a bare encoder."""
        blend = 1.0 if self.record.best is None else self.record.best.get(BLEND, 1.0)
        self.cross_encoder.to("cpu")
        heads = remove_exits(self.cross_encoder.model)
        if self.method.lora is not None:
            if _architecture(self.base) == _BUNDLED:
                self._write_adapter(target / ADAPTER_FOLDER, self.method.lora.scale, blend, heads)
            merge_adapters(self.cross_encoder.model)
        self.cross_encoder.save_pretrained(str(target), create_model_card=False)
        (target / MODEL_SETTINGS).write_text(json.dumps({BLEND: blend}) + "\n", encoding="utf-8")
        if heads:
            write_exits(target, heads)
        if self.card:
            (target / "README.md").write_text(self.card, encoding="utf-8")

    def _write_adapter(self, folder: Path, scale: float, blend: float, heads: Mapping[int, ExitHead]) -> None:
        folder.mkdir()
        save_file(adapter_state(self.cross_encoder.model), folder / ADAPTER_WEIGHTS)
        if heads:
            save_heads(folder / EXITS, heads)
        settings = AdapterSettings.of(folder, base=self.name, base_folder=self.base, scale=scale, blend=blend)
        settings.write(folder)


def _description(
    lists: Sequence[RankingList], settings: TrainingSettings, method: RerankerMethod, model: str | Path
) -> dict[str, object]:
    """What the result depends on, except for versions and the number of processes."""
    digest = hashlib.sha256()
    for item in lists:
        digest.update(json.dumps([item.query, item.passages, item.labels, item.prior]).encode("utf-8"))
    free = ("output", "device")
    return {
        "model": str(model),
        "model_sha256": ModelFiles.of(model, resolve_model(model)).weights_sha256,
        "lists": len(lists),
        "lists_sha256": digest.hexdigest(),
        **{name: value for name, value in asdict(settings).items() if name not in free},
        **asdict(method),
    }


def _load(name: str | Path, folder: Path, settings: TrainingSettings, method: RerankerMethod) -> Any:  # noqa: ANN401
    """The CrossEncoder, ready to be trained: one output, no dropout, and adapters where they are asked for."""
    cross_encoder = open_cross_encoder(folder, settings)
    if require_scoring_outputs(cross_encoder, name) == 2:
        with_one_output(cross_encoder.model)
    if method.lora is not None:
        add_adapters(cross_encoder.model, rank=method.lora.rank, scale=method.lora.scale)
    if method.exits:
        add_exits(cross_encoder.model, method.exits, read_exits(folder))
    return cross_encoder


def _architecture(folder: Path) -> str:
    """The architecture that a model's config names, as in ``BertModel``."""
    named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures")
    return str(named[0]) if named else ""


def _trainer(
    cross_encoder: Any,  # noqa: ANN401
    lists: Sequence[RankingList],
    settings: TrainingSettings,
    method: RerankerMethod,
    evaluate: Evaluate | None,
) -> Any:  # noqa: ANN401
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments

    trainer: Any = type("RerankerTrainer", (AtomicCheckpoints, CrossEncoderTrainer), {})
    sampler = ListSampler(lists, method.sampling, seed=settings.seed, by_teacher=method.loss == "margin-mse")
    return trainer(
        model=cross_encoder,
        args=training_arguments(CrossEncoderTrainingArguments, settings, evaluated=evaluate is not None),
        train_dataset=numbered_draws(settings, len(lists)),
        data_collator=RankingListCollator(sampler, method),
        loss=_loss(cross_encoder, method),
        evaluator=None if evaluate is None else _evaluator(evaluate, settings),
    )


def _loss(cross_encoder: Any, method: RerankerMethod) -> nn.Module:  # noqa: ANN401
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss, LambdaLoss, MarginMSELoss

    from .losses import ListwiseLoss

    if method.loss == "listwise":
        return ListwiseLoss(cross_encoder, graded=method.graded, prior_weight=method.prior_weight)
    if method.loss == "binary":
        return BinaryCrossEntropyLoss(cross_encoder)
    if method.loss == "lambda":
        return LambdaLoss(cross_encoder, mini_batch_size=PAIRS_AT_ONCE)
    return MarginMSELoss(cross_encoder)


def _evaluator(evaluate: Evaluate, settings: TrainingSettings) -> Any:  # noqa: ANN401 - a BaseEvaluator
    def evaluated(model: Any) -> Evaluated:  # noqa: ANN401
        values = evaluate(lambda pairs: raw_outputs(model, pairs, settings))
        if QUALITY not in values:
            raise ArgumentError(f"an evaluation must have the key {QUALITY!r}; this one has {sorted(values)}")
        return values

    return quality_evaluator(evaluated)
