"""Trains an extractive reader: where an answer begins and ends, as a low-rank adapter on an encoder of the BERT family.

The method is that of BERT (Devlin et al. 2019, sections 4.2 and 4.3): two outputs for each token, the cross-entropy of
the first and the last token of an answer over the tokens of the pair, and [CLS] for no answer.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import ModelError, TrainingError
from ...inference import ModelFiles, kind_of, load_model, resolve_model, without_progress_bars
from ...inference.checkpoints import read_settings
from ...rerank.readers import LoadedReader
from ..environment import training_device
from ..lora import add_adapters, merge_adapters
from ..output_folder import install_model, require_new_output, require_same_run
from ..record import QUALITY, Evaluated, TrainingRecord
from ..settings import CHECKPOINTS, LoraSettings, TrainingProgress, TrainingSettings, Watch
from .checkpoint import Progress, load_best, load_newest, save_checkpoint
from .draws import Batch, Draws
from .reading_example import ReadingExample

Evaluate = Callable[[Any, Any], Evaluated]
"""Evaluates a model of transformers with its tokenizer in its current state; returns ``QUALITY`` among others."""

_WEIGHT_DECAY = 0.01
_MOST_GRADIENT = 1.0


def train_reader(
    examples: Sequence[ReadingExample],
    settings: TrainingSettings,
    *,
    model: str | Path,
    adapters: LoraSettings | None = None,
    evaluate: Evaluate | None = None,
    watch: Watch | None = None,
) -> TrainingRecord:
    """Train a reader and write it, with the adapters merged, into the output folder.

    A run that was stopped resumes at its newest checkpoint and ends as it would have.

    Args:
        examples: What to learn from; those without spans teach when there is no answer.
        settings: How to train. ``lists_per_step`` counts examples.
        model: The model to start from: an encoder or a cross-encoder of the BERT family, which gets a new head.
        adapters: Rank and scale of the adapters.
        evaluate: Called at each checkpoint; the weights with the best ``QUALITY`` are kept. None: the last weights.
        watch: Called after each step.

    Returns:
        How the training went.

    Raises:
        ModelError: The model is not of the BERT family.
        TrainingError: There is nothing to learn, the loss is not finite, or a checkpoint cannot be written.
        ArgumentError: The output folder holds something else, or the run to resume had other examples or settings.
    """
    adapters = adapters or LoraSettings()
    require_new_output(settings.output)
    folder = resolve_model(model)
    description = _description(examples, settings, adapters, model)
    reader, tokenizer = _load(folder, settings, adapters)
    require_same_run(settings.output / CHECKPOINTS / "reader.json", description)
    draws = Draws(examples, tokenizer, per_step=settings.lists_per_step, seed=settings.seed)
    run = _Run(reader, tokenizer, draws, settings)
    record = run.to_the_end(evaluate, watch)
    load_best(run.folder, reader, record.best_step)

    def write(target: Path) -> None:
        merge_adapters(reader)
        with without_progress_bars():
            reader.to("cpu").save_pretrained(target)
            tokenizer.save_pretrained(target)

    install_model(settings.output, write, {**description, "record": asdict(record)})
    return record


class _Run:
    """The steps of one training."""

    def __init__(self, reader: Any, tokenizer: Any, draws: Draws, settings: TrainingSettings) -> None:  # noqa: ANN401
        self._reader, self._tokenizer, self._draws, self._settings = reader, tokenizer, draws, settings
        self.folder = settings.output / CHECKPOINTS
        self._device = training_device(settings)
        reader.to(self._device)
        self._trained: list[nn.Parameter] = [part for part in reader.parameters() if part.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._trained, lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY, foreach=False
        )
        self._steps = settings.max_steps or math.ceil(settings.epochs * len(draws))

    def to_the_end(self, evaluate: Evaluate | None, watch: Watch | None) -> TrainingRecord:
        progress = load_newest(self.folder, self._reader, self._optimizer) or Progress()
        unsaved: list[float] = []
        while progress.step < self._steps:
            unsaved.append(self._step(progress.step))
            progress.step += 1
            if watch is not None:
                qualities = [entry[QUALITY] for entry in progress.evaluations]
                watch(TrainingProgress(progress.step, self._steps, unsaved[-1], qualities[-1] if qualities else None))
            if progress.step % self._settings.evaluate_every == 0 or progress.step == self._steps:
                progress.losses.append((progress.step, sum(unsaved) / len(unsaved)))
                unsaved.clear()
                if evaluate is not None:
                    self._reader.eval()
                    with torch.inference_mode():
                        progress.evaluations.append({"step": progress.step, **evaluate(self._reader, self._tokenizer)})
                save_checkpoint(self.folder, self._reader, self._optimizer, progress)
        return progress.record()

    def _step(self, number: int) -> float:
        """Take one step; return its loss."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * self._share(number)
        self._reader.train()
        loss = self._loss(self._draws.batch(number))
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss.item()} at step {number}: train with a lower learning rate than "
                f"{self._settings.learning_rate:g}"
            )
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        nn.utils.clip_grad_norm_(self._trained, _MOST_GRADIENT)
        self._optimizer.step()  # pyright: ignore[reportUnknownMemberType]
        self._optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def _share(self, number: int) -> float:
        """The share of the learning rate at a step: it rises in the warm-up, then falls to 0."""
        warm = max(1, round(self._settings.warmup_share * self._steps))
        return min((number + 1) / warm, (self._steps - number) / max(1, self._steps - warm))

    def _loss(self, batch: Batch) -> Tensor:
        device = self._device
        with torch.autocast(device, torch.bfloat16, enabled=self._settings.dtype == "bfloat16"):
            outputs = self._reader(
                input_ids=batch.ids.to(device),
                token_type_ids=batch.types.to(device),
                attention_mask=batch.mask.to(device),
            )
        # A token of the question is never an answer; the first token stands for none.
        legal = batch.mask.bool() & batch.types.bool()
        legal[:, 0] = True
        losses = [
            nn.functional.cross_entropy(logits.float().masked_fill(~legal.to(device), -1e4), targets.to(device))
            for logits, targets in ((outputs.start_logits, batch.starts), (outputs.end_logits, batch.ends))
        ]
        return (losses[0] + losses[1]) / 2


def _load(folder: Path, settings: TrainingSettings, adapters: LoraSettings) -> tuple[Any, Any]:
    """The model with a new head, without dropout, and with adapters; and its tokenizer."""
    if read_settings(folder / "config.json").get("model_type") != "bert":
        raise ModelError(f"{folder} is not a model of the BERT family, for which alone readers are trained here")
    # On a CPU the backward pass of plain attention is a fifth faster than the fused kernel's.
    attention = {"attn_implementation": "eager"} if training_device(settings) == "cpu" else {}

    def new(path: str, *, model_kwargs: dict[str, Any], **options: Any) -> LoadedReader:  # noqa: ANN401
        return LoadedReader(path, model_kwargs=model_kwargs | attention | {"num_labels": 2}, **options)

    torch.manual_seed(settings.seed)  # pyright: ignore[reportUnknownMemberType]
    loaded = load_model(new, folder, device="cpu", new_head=kind_of(folder) != "reader")
    reader: Any = loaded.model
    for module in reader.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    add_adapters(reader, rank=adapters.rank, scale=adapters.scale)
    return reader, loaded.tokenizer


def _description(
    examples: Sequence[ReadingExample], settings: TrainingSettings, adapters: LoraSettings, model: str | Path
) -> dict[str, object]:
    """What the result depends on, except for versions."""
    digest = hashlib.sha256()
    for item in examples:
        digest.update(json.dumps([item.question, item.passage, item.spans]).encode("utf-8"))
    free = ("output", "device", "max_length", "patience", "max_steps")  # a run may be shortened or lengthened
    return {
        "model": str(model),
        "model_sha256": ModelFiles.of(model, resolve_model(model)).weights_sha256,
        "examples": len(examples),
        "examples_sha256": digest.hexdigest(),
        **{name: value for name, value in asdict(settings).items() if name not in free},
        **asdict(adapters),
    }
