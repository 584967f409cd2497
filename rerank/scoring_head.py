"""What a model must have to score, and what its settings say of its scores."""

from pathlib import Path
from typing import Any

from ..errors import ArgumentError, ModelError
from ..inference import MODEL_SETTINGS, model_settings
from .calibration import Calibration, calibration_from_dict


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
    require_answers(model, name)
    outputs = int(model.num_labels)
    if outputs not in (1, 2):
        raise ModelError(
            f"{name} has {outputs} outputs; a reranker has one, or two (not relevant, relevant). Name another model: "
            "classes such as those of language inference do not rank"
        )
    return outputs


def require_answers(model: Any, name: str | Path) -> None:  # noqa: ANN401 - sentence-transformers' own
    """Check that a cross-encoder that scores by the answers yes and no has a token for each.

    Args:
        model: A CrossEncoder of sentence-transformers.
        name: The name by which the user asked for the model, for the message.

    Raises:
        ModelError: It has none.
    """
    last = model[-1]
    if type(last).__name__ == "LogitScore" and last.true_token_id == last.false_token_id:
        raise ModelError(
            f"{name} scores by the answers yes and no, and its tokenizer has no tokens for them; name a model that was "
            "saved with its own answers (a folder with modules.json)"
        )


def stated_blend(folder: Path) -> float:
    """The blend in the settings of a model that this project trained, 1.0 for others."""
    blend = model_settings(folder).get("blend", 1.0)
    if not isinstance(blend, int | float) or not 0.0 <= blend <= 1.0:
        raise ModelError(f"{folder / MODEL_SETTINGS} says blend={blend!r}; it must be a number from 0 to 1")
    return float(blend)


def stated_calibration(folder: Path) -> Calibration | None:
    """The calibration in the settings of a model that this project trained, None for others."""
    record = model_settings(folder).get("calibration")
    try:
        return None if record is None else calibration_from_dict(record)
    except ArgumentError as error:
        raise ModelError(f"{folder / MODEL_SETTINGS} has a calibration that cannot be used: {error}") from None
