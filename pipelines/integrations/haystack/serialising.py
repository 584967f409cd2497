"""What a component of Haystack writes of itself: names, never models."""

from ....errors import ArgumentError
from ....errors.arguments import described


def by_name(model: object, argument: str) -> str | None:
    """Return the name of a model.

    Args:
        model: What was given: a name, None, or a model.
        argument: The name of the argument.

    Raises:
        ArgumentError: A model was given, which cannot be written.
    """
    if model is None or isinstance(model, str):
        return model
    raise ArgumentError(
        f"to write a pipeline, {argument} must be the name of a model or its folder as text, not {described(model)}"
    )
