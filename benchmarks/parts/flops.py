"""The FLOP of a transformer, token counts, and the fastest matrix product of the machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from bicross.inference import load_tokenizer
from torch import nn

SIDES = (256, 2048)
"""Sides of the matrices that are multiplied; the larger one only where the smaller one is fast enough."""
REPEATS = 10
LONGEST = 5.0  # seconds for all repeats of one product


@dataclass(frozen=True, slots=True)
class Cost:
    """Weights of a model that are used for every token, weights used once for every text, and its attention width."""

    weights_per_token: int
    weights_per_text: int
    hidden: int
    layers: int

    @classmethod
    def of(cls, model: nn.Module) -> "Cost":
        """Count the linear layers of the encoder and of the head of a transformers model."""
        config: Any = model.config
        linears = [(f".{name}", module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
        return cls(
            sum(module.weight.numel() for name, module in linears if ".encoder." in name),
            sum(module.weight.numel() for name, module in linears if ".encoder." not in name),
            int(config.hidden_size),
            int(config.num_hidden_layers),
        )

    @classmethod
    def of_folder(cls, folder: Path, *, head: bool) -> "Cost":
        """Count those of the model in a folder from its settings alone; ``head`` includes the classifier."""
        import transformers

        kind: Any = transformers.AutoModelForSequenceClassification if head else transformers.AutoModel
        with torch.device("meta"):
            return cls.of(kind.from_config(transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True)))

    def flop(self, lengths: Sequence[int]) -> float:
        """Return the FLOP for texts of these lengths in tokens, without padding: linear layers and attention."""
        linear = 2 * (self.weights_per_token * sum(lengths) + self.weights_per_text * len(lengths))
        return linear + 4 * self.layers * self.hidden * sum(length * length for length in lengths)


class Lengths:
    """Counts the tokens of a model's inputs, with special tokens, cut at its length limit."""

    def __init__(self, folder: Path, longest: int) -> None:
        self._tokenizer, self._longest = load_tokenizer(folder), longest

    def of_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """Return the number of tokens of each pair."""
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        counts = dict(zip(texts, self._tokenizer.count(texts), strict=True))
        special = self._tokenizer.special_tokens(pair=True)
        return [min(self._longest, counts[query] + counts[passage] + special) for query, passage in pairs]

    def of(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        special = self._tokenizer.special_tokens(pair=False)
        return [min(self._longest, count + special) for count in self._tokenizer.count(texts)]


@dataclass(frozen=True, slots=True)
class Peak:
    """The fastest way to multiply square matrices: ``ops`` per second, or None and the reason in ``way``."""

    dtype: str
    ops: float | None
    way: str

    def share(self, flop: Sequence[float], seconds: Sequence[float]) -> float | None:
        """Return the median share of the peak that this work in this time reaches; None without a peak."""
        return None if self.ops is None else float(np.median(np.divide(flop, seconds))) / self.ops


def peak(dtype: str, device: str) -> Peak:
    """Measure the peak of a number format now, on torch's threads."""
    measured: dict[str, tuple[float, int]] = {}
    reason = ""
    for way, make in _WAYS.items():
        for side in SIDES:
            if way in measured and REPEATS * 2 * side**3 / measured[way][0] > LONGEST:
                break  # a processor without instructions for this format: the small matrix has to do
            try:
                product = make(getattr(torch, dtype), device, side)
                if product is not None:
                    measured[way] = 2 * side**3 / _best_seconds(product, device), side
            except (RuntimeError, AttributeError, NotImplementedError) as error:
                reason = f"{way}: {str(error).splitlines()[0]}"
                break
    if not measured:
        return Peak(dtype, None, f"not measured: {reason}")
    best = max(measured, key=lambda way: measured[way][0])
    ops, side = measured[best]
    return Peak(dtype, ops, f"{best} of {side} x {side}")


def _best_seconds(product: Callable[[], object], device: str) -> float:
    """Return the best of several times: disturbances only make a product slower."""
    best = float("inf")
    for _ in range(REPEATS):
        began = perf_counter()
        product()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        best = min(best, perf_counter() - began)
    return best


def _matrices(dtype: torch.dtype, device: str, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    if dtype == torch.int8:
        left, right = (torch.randint(-100, 100, (side, side), generator=chance, dtype=dtype) for _ in range(2))
    else:
        left, right = (torch.randn((side, side), generator=chance).to(dtype) for _ in range(2))
    return left.to(device), right.to(device)


def _plain(dtype: torch.dtype, device: str, side: int) -> Callable[[], object] | None:
    return None if dtype == torch.int8 else partial(torch.mm, *_matrices(dtype, device, side))


def _packed(dtype: torch.dtype, device: str, side: int) -> Callable[[], object] | None:
    """Use oneDNN's own layout of the right side, by an internal function of torch: in float32 often much faster."""
    if dtype == torch.int8 or not device.startswith("cpu"):
        return None
    left, right = _matrices(dtype, device, side)
    onednn: Any = torch.ops.mkldnn
    return partial(onednn._linear_pointwise, left, onednn._reorder_linear_weight(right, side), None, "none", [], "")


def _integer(dtype: torch.dtype, device: str, side: int) -> Callable[[], object] | None:
    return partial(torch._int_mm, *_matrices(dtype, device, side)) if dtype == torch.int8 else None


_WAYS = {"torch.mm": _plain, "oneDNN's linear layer, weights packed": _packed, "torch._int_mm": _integer}
