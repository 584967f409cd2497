"""Which models of sentence-transformers take their texts in a way that the packed engine does not."""

import logging
from typing import Any

logger = logging.getLogger("bicross")


def cannot_run_packed(reason: str, *, by: str = "sentence-transformers") -> None:
    """Log why a model runs through the library ``by``. Returns None, which stands for no packed model."""
    logger.info("the model runs through %s, several times slower: %s", by, reason)


def unlike_plain_text(module: Any, *, in_template: bool = False) -> str:  # noqa: ANN401 - modules share no useful base
    """Say what a model does with texts beside tokenising them, cutting them and putting special tokens around.

    Args:
        module: The Transformer, the first module of a model of sentence-transformers.
        in_template: Whether the caller puts texts into the chat template of the model.

    Returns:
        The reason why the model cannot run packed; empty if it takes plain texts.
    """
    if "message" in module.modality_config and not in_template:
        return "its texts go through a chat template"
    if module.query_expansion is not None:
        return "its queries are expanded with further tokens"
    settings: dict[str, dict[str, Any]] = {key: module.processing_kwargs.get(key) or {} for key in ("text", "common")}
    changed = [key for key, values in settings.items() if set(values) - {"max_length"}]
    if changed:
        return f"its settings change how texts become tokens (processing_kwargs: {', '.join(changed)})"
    return ""
