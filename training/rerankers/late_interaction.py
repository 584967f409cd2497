"""Trains a late-interaction reranker on ranking lists: a projection of the early states of an encoder.

The encoder does not change, so that the states of each text are computed once.
"""

import copy
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import ArgumentError, TrainingError
from ...errors.arguments import checked_callable, checked_instance
from ...inference import ModelFiles, resolve_model
from ...models import DEFAULT_ENCODER
from ...rerank.late_interaction import LateInteractionSettings, write_late_interaction
from ..environment import processes, training_device
from ..output_folder import install_model, require_new_output, require_same_run
from ..ranking_list import RankingList, checked_lists
from ..record import QUALITY, Evaluated, TrainingRecord
from ..settings import CHECKPOINTS, TrainingProgress, TrainingSettings, Watch
from .late_interaction_method import LateInteractionMethod
from .late_interaction_model import TokenProjection, score_pairs, starting_point
from .list_sampler import ListSampler, usable_lists
from .losses import listwise_cross_entropy
from .reranker_method import RerankerMethod, ScorePairs
from .token_states import FirstLayers, TokenStates, open_first_layers

BLEND = "blend"
_LOGGED_EVERY = 10
_PACKAGES = ("torch", "transformers")


def train_late_interaction(  # noqa: PLR0913 - data, settings and callbacks
    lists: Sequence[RankingList],
    settings: TrainingSettings,
    *,
    model: str | Path = DEFAULT_ENCODER,
    method: LateInteractionMethod | None = None,
    evaluate: Callable[[ScorePairs], Evaluated] | None = None,
    watch: Watch | None = None,
    describe: Callable[[TrainingRecord], str] | None = None,
) -> TrainingRecord:
    """Train a late-interaction reranker and write it into the output folder.

    The same lists, settings and number of threads make the same model. A run that was stopped begins again, with the
    states of texts that it has computed.

    Args:
        lists: Training lists.
        settings: How to train; ``dtype`` is the number format in which states are computed.
        model: The encoder whose states are projected, by folder, hub id or bundled name.
        method: The layer, the dimensions, and the passages of a step.
        evaluate: Evaluates the model; the best weights are saved, and training may stop early. None: the last weights.
        watch: Called after each step.
        describe: Returns the model card.

    Raises:
        ArgumentError: The lists have nothing to learn, or the folder holds another run.
        ModelError: The encoder does not run packed, or has fewer layers.
        TrainingError: The loss is not finite, or the disk is full.
    """
    method = LateInteractionMethod() if method is None else checked_instance(method, LateInteractionMethod, "method")
    checked_instance(settings, TrainingSettings, "settings")
    lists = checked_lists(lists)
    for name, function in (("evaluate", evaluate), ("watch", watch), ("describe", describe)):
        if function is not None:
            checked_callable(function, name)
    if processes() > 1:
        raise ArgumentError("a late-interaction reranker is trained in one process: run it without torchrun")
    require_new_output(settings.output)
    usable = usable_lists(lists, RerankerMethod(prior_weight=method.prior_weight))
    layers = layers_to_train_on(model, settings, method)
    checkpoints, description = settings.output / CHECKPOINTS, _description(usable, settings, method, model)
    require_same_run(checkpoints / "fast-reranker.json", description)
    states = TokenStates(layers, checkpoints / "states.bin")
    run = LateInteractionRun(usable, settings, method, states, evaluate=evaluate, watch=watch)
    record = run.train()

    def save(folder: Path) -> None:
        made = LateInteractionSettings(
            base=str(Path(model).absolute()) if Path(model).is_dir() else str(model),
            base_sha256=str(description["model_sha256"]),
            layer=method.layer,
            dim=method.dim,
            max_length=layers.packed.max_length,
            blend=1.0 if record.best is None else record.best.get(BLEND, 1.0),
        )
        write_late_interaction(folder, made, run.model.exported())
        if describe is not None:
            (folder / "README.md").write_text(describe(record), encoding="utf-8")

    versions = {package: version(package) for package in _PACKAGES}
    install_model(settings.output, save, {**description, "versions": versions, "record": asdict(record)})
    return record


def layers_to_train_on(model: str | Path, settings: TrainingSettings, method: LateInteractionMethod) -> FirstLayers:
    """Open the layers whose states are projected.

    Raises:
        ArgumentError: The states have fewer units than a token vector is to have.
        ModelError: The model is no encoder that runs packed, or has fewer layers.
    """
    device = training_device(settings)
    layers = open_first_layers(
        model,
        layer=method.layer,
        dtype=settings.dtype,
        device="cpu" if device == "mps" else device,  # the engine has not been tried there
        max_length=settings.max_length,
    )
    if method.dim > layers.width:
        raise ArgumentError(f"dim is {method.dim}, and the states of {model} have {layers.width} units: name fewer")
    return layers


@dataclass(eq=False)
class LateInteractionRun:
    """One training, in memory.

    Args:
        lists: Lists with a positive and a negative passage.
        settings: How to train.
        method: What to train.
        states: The states of texts.
        evaluate: As for ``train_late_interaction``.
        watch: Likewise.
    """

    lists: Sequence[RankingList]
    settings: TrainingSettings
    method: LateInteractionMethod
    states: TokenStates
    evaluate: Callable[[ScorePairs], Evaluated] | None = None
    watch: Watch | None = None
    model: TokenProjection = field(init=False)
    _losses: list[tuple[int, float]] = field(init=False, default_factory=list[tuple[int, float]])
    _evaluations: list[Evaluated] = field(init=False, default_factory=list[Evaluated])

    def train(self) -> TrainingRecord:
        """Train, and leave the best weights in ``model``, the last ones without an evaluation."""
        settings, lists = self.settings, self.lists
        passages = sorted({text for item in lists for text in item.passages})
        start = starting_point(self.states, passages, self.method.dim, seed=settings.seed)
        self.model = TokenProjection(start).to(training_device(settings))
        sampler = ListSampler(lists, self.method.sampling, seed=settings.seed, by_teacher=False)
        total = settings.max_steps or math.ceil(settings.epochs * len(lists) / settings.lists_per_step)
        warmup = max(1, math.ceil(settings.warmup_share * total))
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=settings.learning_rate, weight_decay=0.0)
        best, recent, step = copy.deepcopy(self.model.state_dict()), list[float](), 0
        for step in range(1, total + 1):
            rate = settings.learning_rate * min(step / warmup, (total - step + 1) / max(1, total - warmup + 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            first = (step - 1) * settings.lists_per_step
            recent.append(self._step([sampler[first + n] for n in range(settings.lists_per_step)], optimizer, step))
            if step % _LOGGED_EVERY == 0 or step == total:
                self._losses.append((step, float(np.mean(recent))))
                recent = []
            if self.evaluate is not None and (step % settings.evaluate_every == 0 or step == total):
                self._evaluations.append({"step": step, **self._evaluated(self.evaluate)})
                if self._best()["step"] == step:
                    best = copy.deepcopy(self.model.state_dict())
            if self.watch is not None:
                self.watch(self._progress(step, total))
            if self._patience_is_over():
                break
        if self._evaluations:
            self.model.load_state_dict(best)
        best_step = int(self._best()["step"]) if self._evaluations else step
        return TrainingRecord(step, best_step, tuple(self._losses), tuple(self._evaluations))

    def _step(self, drawn: Sequence[RankingList], optimizer: torch.optim.Optimizer, step: int) -> float:
        self.states.compute(text for item in drawn for text in (item.query, *item.passages))
        device, scores = self.model.mean.device, list[torch.Tensor]()
        for item in drawn:
            passages = [self.states[text].to(device) for text in item.passages]
            found = self.model(self.states.of_query(item.query).to(device), passages)
            if self.method.prior_weight:
                found = found + self.method.prior_weight * found.new_tensor(item.prior)
            scores.append(found)
        labels = [torch.tensor(item.labels, device=device) for item in drawn]
        loss = listwise_cross_entropy(scores, labels, graded=self.method.graded)
        if not math.isfinite(loss.item()):
            reason = f"the loss is {loss.item()} at step {step}"
            raise TrainingError(f"{reason}: train with a lower learning rate than {self.settings.learning_rate:g}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]
        return loss.item()

    def _evaluated(self, evaluate: Callable[[ScorePairs], Evaluated]) -> Evaluated:
        values = evaluate(lambda pairs: score_pairs(self.model, self.states, pairs))
        if QUALITY not in values:
            raise ArgumentError(f"an evaluation must have the key {QUALITY!r}; this one has {sorted(values)}")
        return values

    def _best(self) -> Evaluated:
        """The best evaluation, the first of equals."""
        return max(self._evaluations, key=lambda values: values[QUALITY])

    def _patience_is_over(self) -> bool:
        if not self._evaluations:
            return False
        return len(self._evaluations) - 1 - self._evaluations.index(self._best()) >= self.settings.patience

    def _progress(self, step: int, total: int) -> TrainingProgress:
        loss = self._losses[-1][1] if self._losses else None
        return TrainingProgress(step, total, loss, self._evaluations[-1][QUALITY] if self._evaluations else None)


def _description(
    lists: Sequence[RankingList], settings: TrainingSettings, method: LateInteractionMethod, model: str | Path
) -> Mapping[str, Any]:
    """What the result depends on, except for versions."""
    digest = hashlib.sha256()
    for item in lists:
        digest.update(json.dumps([item.query, item.passages, item.labels, item.prior]).encode("utf-8"))
    return {
        "model": str(model),
        "model_sha256": ModelFiles.of(model, resolve_model(model)).weights_sha256,
        "lists": len(lists),
        "lists_sha256": digest.hexdigest(),
        **{name: value for name, value in asdict(settings).items() if name not in ("output", "device")},
        **asdict(method),
    }
