"""Cross-encoders that are to be trained: how they are opened, the layer of their outputs, and how they score."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import ModelError
from ..inference import kind_of, load_model, token_limit
from .environment import training_device
from .settings import TrainingSettings

PAIRS_AT_ONCE = 32
"""The pairs of a batch in evaluations."""
_LEAST_TOKENS = 8  # of a pair


def open_cross_encoder(folder: Path, settings: TrainingSettings, *, outputs: int = 1) -> Any:  # noqa: ANN401
    """Open a cross-encoder, or an encoder with a new head, without dropout.

    Args:
        folder: A folder that ``resolve_model`` returned.
        settings: How to train.
        outputs: The number of outputs of a new head; a model that has a head keeps it.

    Returns:
        A CrossEncoder on the CPU.
    """
    from sentence_transformers import CrossEncoder

    # On a CPU the backward pass of plain attention is a fifth faster than the fused kernel's.
    attention = {"attn_implementation": "eager"} if training_device(settings) == "cpu" else {}
    needs_head = kind_of(folder) not in ("reranker", "language model")
    head: dict[str, Any] = {"num_labels": outputs, "activation_fn": nn.Identity()} if needs_head else {}

    def new(path: str, *, model_kwargs: dict[str, Any], **options: Any) -> CrossEncoder:  # noqa: ANN401
        return CrossEncoder(path, model_kwargs=model_kwargs | attention, **options, **head)

    torch.manual_seed(settings.seed)  # pyright: ignore[reportUnknownMemberType]
    cross_encoder: Any = load_model(new, folder, device="cpu", new_head=needs_head)
    for module in cross_encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return cross_encoder


def limit_tokens(cross_encoder: Any, max_length: int) -> dict[str, Any]:  # noqa: ANN401
    """Limit the tokens of a pair while a model is trained.

    Args:
        cross_encoder: A CrossEncoder.
        max_length: The most tokens, if the model does not read fewer.

    Returns:
        The model's own ``processing_kwargs``, to put back afterwards.
    """
    own = cross_encoder[0].processing_kwargs
    limit = token_limit(cross_encoder[0], max_length, least=_LEAST_TOKENS)
    cross_encoder[0].processing_kwargs = {**own, "text": {**own.get("text", {}), "max_length": limit}}
    return own


def output_layer(model: Any) -> tuple[str, nn.Linear]:  # noqa: ANN401 - models share no useful base
    """Find the linear layer that gives the outputs of a sequence classifier of transformers.

    Returns:
        Its name in the model, and the layer.

    Raises:
        ModelError: The last linear layer of the model does not give its outputs.
    """
    heads = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not name.startswith(f"{model.base_model_prefix}.")
    ]
    if not heads or heads[-1][1].out_features != model.config.num_labels:
        raise ModelError(
            f"the head of {type(model).__name__} has {model.config.num_labels} outputs that no single layer computes"
        )
    return heads[-1]


def replace_output_layer(model: Any, layer: nn.Linear) -> None:  # noqa: ANN401
    """Put another layer in the place of ``output_layer``, with any number of outputs."""
    parent, _, attribute = output_layer(model)[0].rpartition(".")
    setattr(model.get_submodule(parent), attribute, layer)
    model.config.num_labels = model.num_labels = layer.out_features


def raw_outputs(
    cross_encoder: Any,  # noqa: ANN401
    pairs: Sequence[tuple[str, str]],
    settings: TrainingSettings,
) -> NDArray[np.float32]:
    """Compute the outputs of a model in its current state, before any activation.

    Args:
        cross_encoder: A CrossEncoder.
        pairs: Pairs of texts.
        settings: How it is trained.

    Returns:
        float32 of shape (len(pairs),) for one output, else (len(pairs), outputs).
    """
    with torch.autocast(cross_encoder.device.type, torch.bfloat16, enabled=settings.dtype == "bfloat16"):
        outputs = cross_encoder.predict(
            [list(pair) for pair in pairs],
            batch_size=PAIRS_AT_ONCE,
            show_progress_bar=False,
            activation_fn=nn.Identity(),
        )
    return np.asarray(outputs, np.float32)


def quality_evaluator(evaluate: Any) -> Any:  # noqa: ANN401 - a BaseEvaluator
    """Make an evaluator for a trainer of sentence-transformers.

    Args:
        evaluate: Takes a CrossEncoder in its current state, and returns values with ``QUALITY`` among them.
    """
    from sentence_transformers.base.evaluation import BaseEvaluator

    class CrossEncoderEvaluator(BaseEvaluator):
        def __call__(
            self,
            model: Any,  # noqa: ANN401
            output_path: str | None = None,
            epoch: int = -1,
            steps: int = -1,
        ) -> dict[str, float]:
            return dict(evaluate(model))

    return CrossEncoderEvaluator()
