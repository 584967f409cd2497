"""Compares the parameters of a loaded model with what its files hold, because transformers fills gaps at random."""

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ...errors import ModelError
from .layout import transformer_folder

_SHOWN = 3
_POOLER = re.compile(r"pooler\.")
_PRETRAINING = re.compile(
    r"(cls|lm_head|predictions|vocab_\w+|mask_predictions|generator_\w+|discriminator_predictions|decoder|sop_classifier)\."
)
"""The heads on which encoders are pretrained."""


@dataclass(frozen=True, slots=True)
class Differences:
    """How a file of weights differs from the model that was made of it.

    Attributes:
        missing: Parameters of the model that the file does not hold.
        misshapen: Parameters whose tensors have another shape, each with both shapes.
        unused: Tensors that the model does not use.
    """

    missing: tuple[str, ...] = ()
    misshapen: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def refuse(self, folder: Path, kind: str) -> None:
        """Raise ``ModelError`` with all differences, if there are any; ``kind`` is the class of the model."""
        reasons = [
            f"{problem} {_some(names)}"
            for problem, names in (
                ("lacks", self.missing),
                ("has another shape of", self.misshapen),
                (f"holds what {kind} does not use:", self.unused),
            )
            if names
        ]
        if reasons:
            raise ModelError(
                f"the weights in {folder} are not those of the {kind} that config.json describes: the file "
                f"{'; it '.join(reasons)}. Scores would be random or wrong: download the model or save it again"
            )


def require_whole(model: Any, folder: Path, *, new_head: bool = False) -> None:  # noqa: ANN401 - share no useful base
    """Check that each parameter of a model comes from its files, and that the files hold nothing beside them.

    The names are compared by transformers itself, which knows how those of old checkpoints have changed, in a second
    load that reads no tensor. A file may lack a pooler that is not used, and may have buffers that transformers no
    longer keeps, and the heads of pretraining; a file of an encoder may have any other head.

    Args:
        model: A model of sentence-transformers that was loaded from ``folder``.
        folder: The model folder.
        new_head: Whether the file may lack the head, because the model is to be trained.

    Raises:
        ModelError: A parameter is missing, or has another shape, or a tensor is not used.
    """
    for name, inner in _transformers_of(model):
        location = transformer_folder(folder, name)
        differences_of(inner, location, new_head=new_head).refuse(location, type(inner).__name__)


def differences_of(model: Any, folder: Path, *, new_head: bool = False) -> Differences:  # noqa: ANN401
    """The differences between a model of transformers and the folder that it was loaded from; see ``require_whole``."""
    kind = cast(Any, type(model))
    loaded, info = cast(
        "tuple[Any, dict[str, Any]]",
        kind.from_pretrained(
            str(folder),
            config=copy.deepcopy(model.config),
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,
            local_files_only=True,
            output_loading_info=True,
            use_safetensors=True,
        ),
    )
    names = _Names(loaded)
    missing: list[str] = sorted(info["missing_keys"])
    unexpected: list[str] = sorted(info["unexpected_keys"])
    misshapen: list[tuple[str, Any, Any]] = sorted(info["mismatched_keys"])
    return Differences(
        tuple(key for key in missing if not names.may_lack(key, new_head=new_head)),
        tuple(f"{key} ({tuple(stored)} in place of {tuple(expected)})" for key, stored, expected in misshapen),
        tuple(key for key in unexpected if not names.may_ignore(key, new_head=new_head)),
    )


class _Names:
    """Tells which part of a model of transformers a parameter belongs to."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        self._prefix = f"{model.base_model_prefix}."
        self._is_base = model.base_model is model
        self._parts: set[str] = {name for name, _ in model.base_model.named_children()}

    def may_lack(self, key: str, *, new_head: bool) -> bool:
        """Whether the model gives the same without this parameter of the file, or will be trained to."""
        inside = self._inside(key)
        if inside is None:
            return new_head
        return bool(_POOLER.match(inside)) and (self._is_base or new_head)

    def may_ignore(self, key: str, *, new_head: bool) -> bool:
        """Whether a tensor that the model does not use belongs to another head."""
        inside = self._inside(key)
        if inside is not None:
            return bool(_POOLER.match(inside))
        return self._is_base or new_head or bool(_PRETRAINING.match(key))

    def _inside(self, key: str) -> str | None:
        """The name of the parameter in the base model; None if it is outside of it."""
        if not self._is_base or key.startswith(self._prefix):
            return key.removeprefix(self._prefix) if key.startswith(self._prefix) else None
        return key if key.partition(".")[0] in self._parts | {"pooler"} else None


def _transformers_of(model: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The outermost models of transformers in a model, each with the name of the module around it."""
    from transformers import PreTrainedModel

    inside: list[str] = []
    for name, module in model.named_modules():
        if isinstance(module, PreTrainedModel) and not any(name.startswith(f"{outer}.") for outer in inside):
            inside.append(name)
            yield name.rpartition(".")[0], module


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
