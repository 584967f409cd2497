"""Counts what a text takes of a budget: tokens of any tokenizer, characters, or what a function says."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from tokenizers import Tokenizer

from ...errors import ArgumentError, ModelError, ModelNotFound
from ...errors.arguments import checked_count, described
from ...inference import resolve_model

Unit = Literal["tokens", "characters", "units"]
Count = str | Path | Callable[[str], int] | object
"""How a text is counted: "characters"; a tokenizer of transformers or tokenizers, or the name, the folder or the file
of one; or a function that returns a whole number for a text."""

CHARACTERS = "characters"
HUB_TIMEOUT_SECONDS = 10
_FILE = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class TextCounter:
    """Counts a text.

    Attributes:
        unit: What is counted, for messages and records; "units" where a function counts.
        function: Returns the number for a text.
    """

    unit: Unit
    function: Callable[[str], int]

    def __call__(self, text: str) -> int:
        """Count a text; an empty one counts nothing.

        Raises:
            ArgumentError: The function returned no whole number.
        """
        return checked_count(self.function(text), "what count returns", least=0) if text else 0


def text_counter(count: Count) -> TextCounter:
    """Make the counter that a value stands for. Special tokens, such as [CLS], are not counted.

    Args:
        count: See ``Count``.

    Raises:
        ArgumentError: The value stands for no way of counting.
        ModelNotFound: There is no tokenizer of this name.
    """
    if isinstance(count, str | Path):
        return TextCounter("characters", len) if count == CHARACTERS else TextCounter("tokens", _plain(_named(count)))
    given: Any = count
    if isinstance(given, type):
        raise ArgumentError(f"count must be a tokenizer or a function, not the class {given.__name__}: make one of it")
    if isinstance(given, Tokenizer):
        return TextCounter("tokens", _plain(given))
    if isinstance(backend := getattr(given, "backend_tokenizer", None), Tokenizer):  # a fast one of transformers
        return TextCounter("tokens", _plain(backend))
    if callable(getattr(given, "encode", None)) and callable(getattr(given, "num_special_tokens_to_add", None)):
        # A slow one of transformers, which cuts nothing unless it is told to.
        return TextCounter("tokens", lambda text: len(given.encode(text, add_special_tokens=False)))
    if callable(given):
        return TextCounter("units", cast("Callable[[str], int]", given))
    raise ArgumentError(
        f"count must be 'characters', a tokenizer, the name of one, or a function from a text to a number, "
        f"not {described(count)}"
    )


def _plain(tokenizer: Tokenizer) -> Callable[[str], int]:
    """Return a function that counts with a copy of the tokenizer, which cuts and pads nothing."""
    copied: Any = Tokenizer.from_str(cast("Any", tokenizer).to_str())
    copied.no_truncation()
    copied.no_padding()
    return lambda text: len(copied.encode(text, add_special_tokens=False))


def _named(name: str | Path) -> Tokenizer:
    """Load the tokenizer of a model, and nothing else of it.

    Args:
        name: A ``tokenizer.json``, a folder that has one, a bundled model, or a hub id.
    """
    # These functions return False for names that no file system accepts, where those of Path raise.
    path = os.path.join(name, _FILE) if os.path.isdir(name) else name  # noqa: PTH112, PTH118
    if not os.path.isfile(path):  # noqa: PTH113
        path = _of_model(name)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no other
        raise ModelError(f"{path} is not a tokenizer that can be read: {error!s:.200}") from error


def _of_model(name: str | Path) -> Path:
    try:
        return resolve_model(name, download=False) / _FILE
    except ModelError as not_here:
        if isinstance(name, Path) or name.startswith((".", "/")):
            raise ModelNotFound(f"there is no {_FILE} at {str(name)!r:.200}") from not_here
    return _from_hub(name)


def _from_hub(name: str) -> Path:
    """Return the ``tokenizer.json`` of a hub id, from the cache or else from the hub; of the model nothing else."""
    from huggingface_hub import HfApi, constants  # takes half a second: only where it is needed
    from huggingface_hub.errors import LocalEntryNotFoundError

    hub: Any = HfApi()
    hub_id, _, revision = name.partition("@")
    try:
        try:
            return Path(hub.hf_hub_download(hub_id, _FILE, revision=revision or None, local_files_only=True))
        except LocalEntryNotFoundError:
            if constants.HF_HUB_OFFLINE:
                raise
        # A first call with a short time limit fails at once without a network.
        commit = hub.model_info(hub_id, revision=revision or None, timeout=HUB_TIMEOUT_SECONDS).sha
        return Path(hub.hf_hub_download(hub_id, _FILE, revision=commit))
    except Exception as error:
        raise ModelNotFound(
            f"the tokenizer of {name!r:.200} is not on this machine, and the hub did not give it ({error!s:.200}). "
            f"Give a folder with a {_FILE}, or count in characters"
        ) from error
