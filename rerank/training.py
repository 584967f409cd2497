"""Low-rank, listwise fine-tuning of a cross-encoder. Knows no index, no collection and no file.

The adapters follow LoRA (Hu et al. 2021, arXiv 2106.09685, section 4.1); the loss is the softmax cross-entropy over one
positive and its negatives, ListNet's top-one probability (Cao et al. 2007, section 4) with a one-hot target.
"""

import logging
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

logger = logging.getLogger("bicross")

FULLY_TRAINED = ("LayerNorm", "token_type_embeddings", "pooler", "classifier")
"""Parts that learn all their weights: few in number, and new to a model that never saw a second segment."""


@dataclass(frozen=True, slots=True)
class RankingList:
    """A query, the passage that answers it, and passages ranked near it that do not, nearest first."""

    query: str
    positive: str
    negatives: Sequence[str]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How to train; the defaults are the bundled reranker's."""

    steps: int
    lists_per_step: int = 8
    hard_negatives: int = 3
    other_negatives: int = 2
    hard_depth: int = 15
    max_length: int = 192
    learning_rate: float = 8e-4
    warmup_share: float = 0.05
    seed: int = 0


class LowRankLinear(nn.Module):
    """A frozen linear layer plus a trained product of two thin matrices: ``y = Wx + b + scale * up(down(x))``."""

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        self.scale = scale
        nn.init.normal_(self.down.weight, std=1.0 / math.sqrt(base.in_features))
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., in_features) to (..., out_features)."""
        return self.base(x) + self.scale * self.up(self.down(x))


def add_adapters(model: PreTrainedModel, *, rank: int = 32, scale: float = 2.0) -> None:
    """Freeze ``model``, wrap each linear layer of its encoder, and unfreeze the parts in ``FULLY_TRAINED``."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in FULLY_TRAINED)
    linears: list[tuple[str, nn.Linear]] = [
        (name, module)
        for name, module in cast("Iterable[tuple[str, nn.Module]]", model.named_modules())
        if isinstance(module, nn.Linear) and ".encoder.layer." in f".{name}"
    ]
    for name, module in linears:
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, LowRankLinear(module, rank, scale))


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """The trained tensors in float16: ``NAME.down`` (rank, in), ``NAME.up`` (out, rank), and whole parameters."""
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = name.removesuffix(".weight") if name.endswith((".down.weight", ".up.weight")) else name
            state[key] = parameter.detach().to(torch.float16).contiguous()
    return state


def train_listwise(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    lists: Sequence[RankingList],
    settings: TrainingSettings,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train the parameters of ``model`` that require a gradient, in place; ``on_step(step, loss)`` after each step.

    The order of the lists, the choice of negatives and so the result depend on ``settings.seed`` alone.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_at(step, settings))
    device = next(model.parameters()).device
    model.train()
    for step, batch in enumerate(_batches(lists, settings), start=1):
        with torch.autocast(device.type, dtype=torch.bfloat16):
            scores = _score_lists(model, tokenizer, batch, settings.max_length)
        target = torch.zeros(len(batch), dtype=torch.long, device=device)
        loss = nn.functional.cross_entropy(scores.float(), target)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(trained, 1.0)
        cast(Any, optimizer).step()
        schedule.step()
        if on_step is not None:
            on_step(step, loss.item())
    model.eval()


def _rate_at(step: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then linear decay to zero, as a share of the learning rate."""
    warmup = max(1, round(settings.warmup_share * settings.steps))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (settings.steps - step) / max(1, settings.steps - warmup))


def _batches(lists: Sequence[RankingList], settings: TrainingSettings) -> Iterator[list[tuple[str, list[str]]]]:
    """``settings.steps`` batches of (query, passages), the positive first; epochs are reshuffled."""
    rng = random.Random(settings.seed)
    order: list[int] = []
    for _ in range(settings.steps):
        while len(order) < settings.lists_per_step:
            order.extend(rng.sample(range(len(lists)), len(lists)))
        chosen, order = order[: settings.lists_per_step], order[settings.lists_per_step :]
        yield [_sample(lists[i], settings, rng) for i in chosen]


def _sample(item: RankingList, settings: TrainingSettings, rng: random.Random) -> tuple[str, list[str]]:
    hard = list(item.negatives[: settings.hard_depth])
    rest = list(item.negatives[settings.hard_depth :])
    negatives = rng.sample(hard, settings.hard_negatives) + rng.sample(rest, settings.other_negatives)
    return item.query, [item.positive, *negatives]


def _score_lists(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    batch: Sequence[tuple[str, list[str]]],
    max_length: int,
) -> Tensor:
    """Scores of shape (lists, passages). Pairs run in three groups of like length, which halves the padding."""
    queries = [query for query, passages in batch for _ in passages]
    passages = [passage for _, passages in batch for passage in passages]
    encoded: Any = tokenizer(queries, passages, truncation="only_second", max_length=max_length)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    size = math.ceil(len(order) / 3)
    device = next(model.parameters()).device
    outputs: list[Tensor] = []
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        group: dict[str, list[Any]] = {key: [values[i] for i in rows] for key, values in encoded.items()}
        inputs = tokenizer.pad(group, return_tensors="pt").to(device)
        outputs.append(model(**inputs).logits[:, 0])
    position = torch.empty(len(order), dtype=torch.long, device=device)
    position[torch.tensor(order, device=device)] = torch.arange(len(order), device=device)
    return torch.cat(outputs)[position].view(len(batch), -1)
