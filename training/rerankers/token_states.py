"""Computes the states of texts after the first layers of an encoder once, and keeps them in a file."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import ModelError, TrainingError
from ...inference import Dtype, ModelFiles, load_encoder, require_encoder, resolve_model, token_limit
from ...inference.packed import PackedModel, packed_token_states, state_width, tokens_around

TEXTS_AT_ONCE = 256
"""The most texts whose states are in memory while they are computed."""
_BYTES = 2


@dataclass(frozen=True, slots=True)
class FirstLayers:
    """The first layers of an encoder.

    Attributes:
        packed: A packed model whose rows are states.
        width: The number of units of a state.
        made_of: What the states depend on, as JSON.
    """

    packed: PackedModel
    width: int
    made_of: str


class TokenStates:
    """The states of texts, in bfloat16 in a file: some 800 bytes a token of an encoder of 384 units.

    A later run with the same encoder goes on with what the file has.

    Args:
        layers: The first layers of the encoder.
        path: The file; one of another encoder is written anew. Beside it a file ``.jsonl`` names the texts.
    """

    def __init__(self, layers: FirstLayers, path: Path) -> None:
        self.width = layers.width
        self._packed, self._path, self._names = layers.packed, path, path.with_suffix(".jsonl")
        self._around = tokens_around(self._packed.tokenizer)
        self._places: dict[str, tuple[int, int]] = {}
        self._tokens = 0
        self._open(layers.made_of)

    def __getitem__(self, text: str) -> Tensor:
        """The states of all tokens of a text that was computed, float32 of shape (tokens, width)."""
        first, tokens = self._places[text]
        shape, start = (tokens, self.width), first * self.width * _BYTES
        stored = np.fromfile(self._path, np.int16, tokens * self.width, offset=start).reshape(shape)
        return torch.from_numpy(stored).view(torch.bfloat16).float()  # pyright: ignore[reportUnknownMemberType]

    def of_query(self, text: str) -> Tensor:
        """The states of the tokens of a query, without special tokens where there are others."""
        states, (before, after) = self[text], self._around
        return states[before : len(states) - after] if len(states) > before + after else states

    def compute(self, texts: Iterable[str]) -> None:
        """Compute the states of the texts that have none yet.

        Raises:
            TrainingError: The disk is full.
        """
        missing = [text for text in dict.fromkeys(texts) if text not in self._places]
        for start in range(0, len(missing), TEXTS_AT_ONCE):
            part = missing[start : start + TEXTS_AT_ONCE]
            tokenizer, limit = self._packed.tokenizer, self._packed.max_length
            inputs = [tokenizer.single(ids, max_length=limit) for ids in tokenizer.encode(part)]
            self._append(part, self._packed.run_tokens(inputs))

    def _append(self, texts: Sequence[str], states: Sequence[Any]) -> None:
        try:
            with self._path.open("ab") as values, self._names.open("a", encoding="utf-8") as names:
                if values.tell() != self._tokens * self.width * _BYTES:
                    raise TrainingError(f"another training writes to {self._path}: name another folder")
                for text, rows in zip(texts, states, strict=True):
                    halves: Any = torch.from_numpy(rows).to(torch.bfloat16).view(torch.int16)  # pyright: ignore[reportUnknownMemberType]
                    values.write(halves.numpy().tobytes())
                    self._places[text] = (self._tokens, len(rows))
                    self._tokens += len(rows)
                values.flush()
                names.writelines(json.dumps([text, len(rows)]) + "\n" for text, rows in zip(texts, states, strict=True))
        except OSError as error:
            raise TrainingError(f"the states of the passages cannot be kept in {self._path}: {error}") from error

    def _open(self, made_of: str) -> None:
        """Take over what an earlier run wrote in full, and cut off the rest."""
        lines = self._names.read_text(encoding="utf-8").split("\n")[:-1] if self._names.is_file() else []
        size = self._path.stat().st_size if self._path.is_file() else 0
        kept = lines[:1] == [made_of]
        for line in lines[1:] if kept else []:
            text, tokens = json.loads(line)
            if (self._tokens + tokens) * self.width * _BYTES > size:
                break
            self._places[text] = (self._tokens, tokens)
            self._tokens += tokens
        self._path.parent.mkdir(parents=True, exist_ok=True)
        names = [made_of, *(json.dumps([text, tokens]) for text, (_, tokens) in self._places.items())]
        self._names.write_text("".join(f"{line}\n" for line in names), encoding="utf-8")
        with self._path.open("ab") as values:
            values.truncate(self._tokens * self.width * _BYTES)


def open_first_layers(model: str | Path, *, layer: int, dtype: Dtype, device: str, max_length: int) -> FirstLayers:
    """Open the first layers of an encoder.

    Args:
        model: The encoder, by folder, hub id or bundled name.
        layer: How many layers run.
        dtype: The number format of the layers.
        device: A torch device.
        max_length: The most tokens of a text, if the encoder does not read fewer.

    Raises:
        ModelError: The model is no encoder, cannot be loaded, does not run packed, or has fewer layers.
    """
    folder = resolve_model(model)
    require_encoder(folder, model)
    loaded = load_encoder(folder, device=device)
    least = int(loaded.tokenizer.num_special_tokens_to_add(pair=False)) + 1
    limit, width = token_limit(loaded[0], max_length, least=least), state_width(loaded)
    try:
        packed = packed_token_states(
            loaded, layers=layer, width=width, finish=lambda x: x, dtype=dtype, max_length=limit
        )
    except ModelError as error:
        raise ModelError(f"{model} cannot be the base of a late-interaction model: {error}") from error
    files = ModelFiles.of(model, folder)
    made_of = [files.weights_sha256, files.settings_sha256, packed.tokenizer.fingerprint, layer, dtype, limit]
    return FirstLayers(packed, width, json.dumps(made_of))
