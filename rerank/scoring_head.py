"""Checks that a model has a head that scores pairs, because a plain encoder would give random scores."""

import json
from pathlib import Path
from typing import cast

from ..errors import ModelError


def require_scoring_head(folder: Path, name: str | Path) -> None:
    """Check that a model has a head that scores pairs.

    It has one if transformers calls it a sequence classifier, or sentence-transformers a cross-encoder.

    Args:
        folder: The model's folder.
        name: The name by which the user asked for the model, for the message.

    Raises:
        ModelError: The model has no such head, or its settings are not JSON.
    """
    architectures = _field(folder / "config.json", "architectures")
    kinds = cast("list[object]", architectures) if isinstance(architectures, list) else []
    if any(str(kind).endswith("ForSequenceClassification") for kind in kinds):
        return
    if _field(folder / "config_sentence_transformers.json", "model_type") != "CrossEncoder":
        what = ", ".join(map(str, kinds)) or "a model of an unknown kind"
        raise ModelError(
            f"{name} is no reranker: it is {what}, without a head that scores pairs. Name a cross-encoder, or make one "
            "of it: `bicross train reranker --model`"
        )


def _field(path: Path, name: str) -> object:
    """A field of a settings file; None if the file or the field is missing."""
    if not path.is_file():
        return None
    try:
        fields: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}; save the model again") from error
    return cast("dict[str, object]", fields).get(name) if isinstance(fields, dict) else None
