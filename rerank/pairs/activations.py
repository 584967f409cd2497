"""From the outputs of a model of pairs to probabilities."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...inference.checkpoints import read_settings
from .labels import config_path

Activation = Literal["sigmoid", "softmax", "clip"]
"""How outputs become probabilities. "sigmoid" takes each for itself, "clip" is for cosines."""

_KNOWN = ("Sigmoid", "Identity", "Softmax")


def own_activation(folder: Path, name: str | Path) -> Activation:
    """Return how the outputs of a cross-encoder become probabilities.

    A single output goes through the sigmoid, several through the softmax, unless the settings say that each has a
    sigmoid of its own. A model that sentence-transformers leaves at its raw outputs (Identity), as rerankers are,
    becomes a probability in the same way.

    Args:
        folder: The model folder.
        name: The name by which the user asked for the model, for the message.

    Raises:
        ModelError: The settings name another function, so that nothing is known of the range of the outputs.
    """
    config = read_settings(config_path(folder))
    stored: object = (
        read_settings(folder / "config_sentence_transformers.json").get("activation_fn")
        or _mapping(config.get("sentence_transformers")).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
    )
    kind = str(stored or "Identity").rpartition(".")[2]
    if kind not in _KNOWN:
        raise ModelError(
            f"{name} names the activation {stored}, and only {', '.join(_KNOWN)} give probabilities; save the model "
            "with one of them, or take CrossEncoder of sentence-transformers"
        )
    return "sigmoid" if kind == "Sigmoid" else "softmax"


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def probabilities_of(outputs: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Turn outputs into probabilities.

    Args:
        outputs: Shape (pairs, outputs).
        activation: How.

    Returns:
        float32 of shape (pairs, outputs), or (pairs, 2) for a single output, where the second is its probability.
    """
    values = outputs.astype(np.float64)
    if outputs.shape[1] == 1:
        likely = np.clip(values, 0.0, 1.0) if activation == "clip" else _sigmoid(values)
        return np.concatenate([1.0 - likely, likely], axis=1).astype(np.float32)
    if activation == "sigmoid":
        return _sigmoid(values).astype(np.float32)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -500.0, 500.0)))
