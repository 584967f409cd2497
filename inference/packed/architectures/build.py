"""Which architectures run packed. An architecture that is missing is no fault: sentence-transformers runs the model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .decoders import decoder
from .encoders import albert, bert, distilbert, modernbert, nomic_bert, roberta
from .options import Architecture, BuildOptions, CannotPackError
from .relative import deberta_v2, mpnet, t5

_BUILDERS: dict[str, Callable[[Any, BuildOptions], Architecture]] = {
    "albert": albert,
    "bert": bert,
    "camembert": roberta,
    "deberta-v2": deberta_v2,
    "distilbert": distilbert,
    "electra": bert,
    "gemma": decoder,
    "gemma2": decoder,
    "gemma3_text": decoder,
    "llama": decoder,
    "mistral": decoder,
    "modernbert": modernbert,
    "mpnet": mpnet,
    "nomic_bert": nomic_bert,
    "qwen2": decoder,
    "qwen3": decoder,
    "roberta": roberta,
    "t5": t5,
    "xlm-roberta": roberta,
}


def build(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401 - models share no useful base
    """Pack a base model.

    Args:
        model: A base model of transformers, in float32.
        options: How to pack it.

    Returns:
        The packed model.

    Raises:
        CannotPackError: The architecture, or a part of it, cannot run packed.
    """
    config = model.config
    builder = _BUILDERS.get(config.model_type)
    if builder is None:
        raise CannotPackError(f"the architecture {config.model_type!r} is not among those that run packed")
    if getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False):
        raise CannotPackError("its config makes an encoder a decoder")
    if (kind := getattr(config, "position_embedding_type", None)) not in (None, "absolute"):
        raise CannotPackError(f"its positions are of the type {kind!r}")
    architecture = builder(model, options)
    wanted, packed = options.first_layers, len(architecture.layers)
    if wanted is None:
        return architecture
    if packed < wanted:
        raise CannotPackError(f"it has {packed} layers, and {wanted} are needed")
    # The norm after the last layer is not for the states before it.
    total = config.num_hidden_layers if hasattr(config, "num_hidden_layers") else config.n_layers
    return architecture if wanted == total else replace(architecture, norm=None)
