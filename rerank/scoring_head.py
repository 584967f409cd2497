"""The outputs from which a score can be made."""

from pathlib import Path
from typing import Any

from ..errors import ModelError


def require_scoring_outputs(model: Any, name: str | Path) -> int:  # noqa: ANN401 - sentence-transformers' own
    """Check that a cross-encoder has one output, or two.

    Args:
        model: A CrossEncoder of sentence-transformers.
        name: The name by which the user asked for the model, for the message.

    Returns:
        The number of outputs.

    Raises:
        ModelError: It has another number of outputs: no score says which of three classes means "relevant".
    """
    outputs = int(model.num_labels)
    if outputs not in (1, 2):
        raise ModelError(
            f"{name} has {outputs} outputs; a reranker has one, or two (not relevant, relevant). Name another model: "
            "classes such as those of language inference do not rank"
        )
    return outputs
