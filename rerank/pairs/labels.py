"""The labels of a model of pairs, by the names in its config, and what they mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ...errors import ModelError
from ...inference.checkpoints import kind_of, read_modules, read_settings

UNLIKE_OR_LIKE = ("different", "similar")
"""The labels of a model with a single output, in the order of their probabilities."""

_NEGATIVE = re.compile(
    r"(not?|non|un|in|dis)([\W_]|$)|(not|non|no|un)(_?(?=equiv|dupl|rel|sim|entail|para|match))|false|negative|"
    r"contradict\w*|irrelevant|dissimilar|different|unrelated|mismatch",
    re.IGNORECASE,
)
_UNNAMED = re.compile(r"LABEL_\d+")


@dataclass(frozen=True, slots=True)
class Entailment:
    """Which outputs of a model say that the second text follows from the first.

    Attributes:
        entails: The number of the output for entailment.
        against: That of contradiction, or of "not entailed" where there are two labels; None without one.
    """

    entails: int
    against: int | None


def labels_of(folder: Path, outputs: int) -> tuple[str, ...]:
    """Return the names of the outputs of a classifier, from ``id2label`` in its config.

    Args:
        folder: The model folder.
        outputs: The number of its outputs.

    Returns:
        A name for each output, in their order; ``UNLIKE_OR_LIKE`` for a single output.

    Raises:
        ModelError: The config names other outputs, or two by the same name.
    """
    if outputs == 1:
        return UNLIKE_OR_LIKE
    named = _stated(folder)
    if named is None:
        return tuple(f"LABEL_{number}" for number in range(outputs))  # what transformers calls them
    path = config_path(folder)
    if named.keys() != {str(number) for number in range(outputs)}:
        raise ModelError(
            f"{path} has id2label={named!r:.120}, and the model has {outputs} outputs: name the outputs 0 to "
            f"{outputs - 1} there"
        )
    ordered = tuple(named[str(number)] for number in range(outputs))
    if len(set(ordered)) < outputs:
        raise ModelError(f"{path} gives two outputs the same name in id2label={named!r:.120}: name each differently")
    return ordered


def require_stated(folder: Path, label: str, model: str | Path) -> None:
    """Check a label before the model is loaded, where its config names several.

    Raises:
        ModelError: The config names labels, and this is none of them.
    """
    named = _stated(folder)
    if named is not None and len(named) > 1 and kind_of(folder) == "reranker":
        number_of(label, list(named.values()), model)


def _stated(folder: Path) -> dict[str, str] | None:
    named: object = read_settings(config_path(folder)).get("id2label")
    if not isinstance(named, dict):
        return None
    return {str(number): str(name) for number, name in cast("dict[object, object]", named).items()}


def config_path(folder: Path) -> Path:
    """Return the path of the config of the transformer in a model folder."""
    modules = read_modules(folder)
    return (folder / modules[0]["path"] if modules else folder) / "config.json"


def number_of(label: str, labels: Sequence[str], model: str | Path) -> int:
    """Return the number of a label by its name; case does not matter.

    Raises:
        ModelError: There is no such label.
    """
    matching = [number for number, name in enumerate(labels) if name.lower() == label.lower()]
    if len(matching) != 1:
        raise ModelError(f"{model} has no label {label!r}; its labels are {', '.join(labels)}")
    return matching[0]


def positive_of_two(labels: Sequence[str]) -> int:
    """Return which of two labels says yes: the second, unless its name denies what the first one's says."""
    first, second = (bool(_NEGATIVE.match(name.strip())) for name in labels)
    return 0 if second and not first else 1


def entailment_of(labels: Sequence[str], model: str | Path, label: str | None = None) -> Entailment:
    """Find the labels of natural language inference.

    Args:
        labels: The names of the outputs.
        model: The name of the model, for the message.
        label: The name of the label of entailment; None finds it by what such labels are called.

    Raises:
        ModelError: None of the labels is entailment.
    """
    lower = [name.lower() for name in labels]
    if label is not None:
        entails = number_of(label, labels, model)
    else:
        matching = [number for number, name in enumerate(lower) if name.startswith("entail") or name == "e"]
        if len(labels) < 2 or len(matching) != 1 or tuple(labels) == UNLIKE_OR_LIKE:
            raise ModelError(_no_entailment(labels, model))
        entails = matching[0]
    if len(labels) == 2:
        return Entailment(entails, 1 - entails)
    against = [number for number, name in enumerate(lower) if name.startswith("contradict") or name == "c"]
    return Entailment(entails, against[0] if len(against) == 1 and against[0] != entails else None)


def _no_entailment(labels: Sequence[str], model: str | Path) -> str:
    if tuple(labels) == UNLIKE_OR_LIKE:
        return (
            f"{model} has one output, which says how similar two texts are; this needs a model of natural language "
            "inference, which has labels such as entailment, neutral and contradiction"
        )
    unnamed = all(_UNNAMED.fullmatch(name) for name in labels)
    remedy = "its config names none; say which one it is" if unnamed else "say which one it is"
    return (
        f"none of the labels of {model} is entailment ({', '.join(labels)}): {remedy} with entailment_label, or name a "
        "model of natural language inference"
    )
