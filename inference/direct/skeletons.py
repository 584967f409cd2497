"""Modules of torch with the names and shapes that transformers gives its models, made without transformers.

They have what the packed engine takes of a model: parameters and embeddings. Each parameter is described once, so that
a file of weights that holds another set of names or another shape is noticed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import nn

Config = Mapping[str, Any]
"""The fields of ``config.json``."""
Parts = dict[str, nn.Module]
"""The layers of a model by their names."""
ACTIVATIONS = ("gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")
"""Activations that the engine computes itself."""


class Linear(nn.Linear):
    """A linear layer whose parameters come from a file: to draw them would import half of torch."""

    def reset_parameters(self) -> None:
        """Leave the parameters as they are."""


class Embedding(nn.Embedding):
    """A table whose rows come from a file."""

    def reset_parameters(self) -> None:
        """Leave the parameters as they are."""


class Skeleton(nn.Module):
    """A base model or a classifier.

    Attributes:
        config: The fields of ``config.json``.
        words: The name of the embeddings of the token ids.
        width: The width of the hidden states.
    """

    config: SimpleNamespace
    words: str
    width: int

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def get_input_embeddings(self) -> nn.Module:
        """The embeddings of the token ids."""
        return self.get_submodule(self.words)


@dataclass(frozen=True, slots=True)
class Classifier:
    """How a class of transformers makes a classifier of a base model.

    Attributes:
        base: Makes the base model of a config.
        prefix: The name of the base model in it.
        head: Makes the layers of the head, by their names, of the config and the number of outputs.
        kinds: The modules of the head that compute something, by their names.
        understands: Whether a config has all that the head needs.
    """

    base: Callable[[Config], Skeleton]
    prefix: str
    head: Callable[[SimpleNamespace, int], Parts]
    kinds: Mapping[str, Callable[[], nn.Module]]
    understands: Callable[[Config], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Family:
    """Models that have the same layers.

    Attributes:
        understands: Whether a config has all that is needed, and nothing that makes another model of it.
        base: Makes the base model of a config, for encoders.
        classifiers: How classifiers are made, by the names of their classes in transformers.
    """

    understands: Callable[[Config], bool]
    base: Callable[[Config], Skeleton]
    classifiers: Mapping[str, Classifier]


def classifier(family: Family, config: Config) -> Skeleton | None:
    """Make the sequence classifier of a config that the family understands.

    Returns:
        A model whose class has the name that transformers gives it; None if the class is not known here.
    """
    named = config.get("architectures")
    name = (
        str(cast("list[object]", named)[0]) if isinstance(named, list) and len(cast("list[object]", named)) == 1 else ""
    )
    made, labels = family.classifiers.get(name), config.get("id2label", (0, 1))  # not written for two classes
    if made is None or "num_labels" in config or not isinstance(labels, dict | tuple) or not made.understands(config):
        return None
    base, outputs = made.base(config), len(cast("dict[str, str]", labels))
    model: Skeleton = type(name, (Skeleton,), {})()
    model.add_module(made.prefix, base)
    model.config = base.config
    model.words, model.width = f"{made.prefix}.{base.words}", base.width
    model.config.num_labels = outputs
    return assembled(model, made.head(base.config, outputs), made.kinds)


def assembled(root: Any, parts: Parts, kinds: Mapping[str, Callable[[], nn.Module]]) -> Any:  # noqa: ANN401
    """Put layers into a tree of modules, by their names; ``kinds`` are those of modules that compute something."""
    for name, layer in parts.items():
        path, _, last = name.rpartition(".")
        parent, prefix = root, ""
        for step in path.split(".") if path else ():
            prefix = f"{prefix}.{step}" if prefix else step
            if step not in dict(parent.named_children()):
                holds_numbers = f"{prefix}.0." in f"{name}."
                parent.add_module(step, nn.ModuleList() if holds_numbers else kinds.get(prefix, nn.Module)())
            parent = parent.get_submodule(step)
        parent.add_module(last, layer)
    return root


def has_numbers(config: Config, names: tuple[str, ...]) -> bool:
    """Whether all these fields are there and are numbers of at least 0."""
    return all(isinstance(config.get(name), int | float) and config[name] >= 0 for name in names)


def is_plain(config: Config) -> bool:
    """Whether no field makes another model of an encoder, or names code or quantised weights."""
    changing = ("is_decoder", "add_cross_attention", "auto_map", "quantization_config")
    plain = config.get("position_embedding_type", "absolute") == "absolute"
    return plain and not any(config.get(name) for name in changing)
