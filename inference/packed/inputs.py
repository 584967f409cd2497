"""Which models of sentence-transformers take their texts in a way that the packed engine does not."""

from typing import Any


def unlike_plain_text(module: Any) -> str:  # noqa: ANN401 - modules share no useful base
    """Say what a model does with texts beside tokenising them, cutting them and putting special tokens around.

    Args:
        module: The Transformer, the first module of a model of sentence-transformers.

    Returns:
        The reason why the model cannot run packed; empty if it takes plain texts.
    """
    if "message" in module.modality_config:
        return "its texts go through a chat template"
    if module.query_expansion is not None:
        return "its queries are expanded with further tokens"
    changed = [key for key in ("text", "common") if module.processing_kwargs.get(key)]
    if changed:
        return f"its settings change how texts become tokens (processing_kwargs: {', '.join(changed)})"
    return ""
