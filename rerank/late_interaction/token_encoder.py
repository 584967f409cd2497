"""Turns texts into token vectors: the first layers of an encoder, packed, and the projection of their states.

Importing this module imports torch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ModelError
from ...inference import Dtype, TokenIds, load_encoder, require_encoder, token_limit
from ...inference.packed import Finish, PackedModel, Tap, affine, packed_token_states, tokens_around
from .maxsim import UNIT, QueryVectors, TokenVectors
from .model_folder import LateInteractionSettings, Projection

TEXTS_AT_ONCE = 256
"""The most texts whose states are in memory."""


class TokenEncoder:
    """A packed model whose rows are token vectors, with the weight of the token last. Threads may share it.

    A text is read as the encoder reads it alone, between its special tokens, without a prompt.

    Args:
        packed: The model.
        tap: What computes the same on the way through an encoder that reads texts as this model does.
        device: Where it runs.
    """

    def __init__(self, packed: PackedModel, tap: Tap, *, device: str) -> None:
        self._packed, self.tap, self.device = packed, tap, device
        self.tokenizer, self.max_length = packed.tokenizer, packed.max_length
        self._before, self._after = tokens_around(packed.tokenizer)

    @property
    def room(self) -> int:
        """The most tokens of a text, without special tokens."""
        return self.max_length - self._before - self._after

    def passages(self, texts: Sequence[TokenIds]) -> list[TokenVectors]:
        """Compute the vectors of all tokens of texts, special tokens included. Texts that are too long are cut.

        Args:
            texts: Token ids, without special tokens.
        """
        return self.vectors_of(self._rows(texts))

    def vectors_of(self, rows: Sequence[NDArray[np.float32]]) -> list[TokenVectors]:
        """Return the token vectors in the rows of each text, which this model or its ``tap`` computed."""
        require_finite(rows)
        return [text[:, :-1].astype(np.int8) for text in rows]

    def queries(self, texts: Sequence[TokenIds]) -> list[QueryVectors]:
        """Compute the vectors and weights of the tokens of texts, without special tokens where there are others."""
        found: list[QueryVectors] = []
        read = self._rows(texts)
        require_finite(read)
        for ids, rows in zip(texts, read, strict=True):
            own = rows[self._before : len(rows) - self._after] if len(ids) else rows
            found.append(QueryVectors.of(own[:, :-1].astype(np.int8), own[:, -1]))
        return found

    def _rows(self, texts: Sequence[TokenIds]) -> list[NDArray[np.float32]]:
        inputs = [self.tokenizer.single(ids, max_length=self.max_length) for ids in texts]
        rows: list[NDArray[np.float32]] = []
        for start in range(0, len(inputs), TEXTS_AT_ONCE):
            rows += self._packed.run_tokens(inputs[start : start + TEXTS_AT_ONCE])
        return rows


def require_finite(rows: Sequence[NDArray[np.float32]]) -> None:
    """Raise ``ModelError`` unless all numbers are finite."""
    if not all(np.isfinite(text).all() for text in rows):
        raise ModelError("the model gave token vectors that are not finite; use dtype='float32'")


def open_token_encoder(
    base: Path,
    settings: LateInteractionSettings,
    projection: Projection,
    *,
    device: str | None,
    dtype: Dtype,
    max_length: int | None,
) -> TokenEncoder:
    """Load the base of a model, and pack its first layers with the projection.

    Args:
        base: The folder of the encoder.
        settings: The settings of the model.
        projection: Its arrays.
        device: A torch device; None takes CUDA, then the CPU: the engine runs on no other.
        dtype: The number format of the layers.
        max_length: Lowers the limit on the tokens of a text.

    Raises:
        ModelError: The base cannot be loaded, does not run packed, or does not fit the model.
        ArgumentError: ``max_length`` is too small, or "int8" or the device is not available here.
    """
    require_encoder(base, settings.base)
    loaded: Any = load_encoder(base, device=device or ("cuda" if torch.cuda.is_available() else "cpu"))
    least = int(loaded.tokenizer.num_special_tokens_to_add(pair=False)) + 1
    limit = token_limit(loaded[0], max_length, least=least, own=settings.max_length)
    finish = _vectors(projection, loaded.device)
    try:
        packed = packed_token_states(
            loaded,
            layers=settings.layer,
            width=len(projection.mean),
            finish=finish,
            dtype=dtype,
            max_length=limit,
        )
    except ModelError as error:
        raise ModelError(f"{settings.base} cannot be the base of this late-interaction model: {error}") from error
    return TokenEncoder(packed, Tap(settings.layer, finish), device=str(loaded.device))


def _vectors(projection: Projection, device: torch.device) -> Finish:
    """States to token vectors in steps of int8, and the weight in the last column."""
    weight, bias = (torch.from_numpy(array).to(device) for array in projection.affine())  # pyright: ignore[reportUnknownMemberType]
    project = affine(weight, bias)

    def finish(states: Tensor) -> Tensor:
        outputs = project(states)
        vectors = torch.nn.functional.normalize(outputs[:, :-1], dim=1)
        return torch.cat([(vectors * UNIT).round(), torch.nn.functional.softplus(outputs[:, -1:])], dim=1)

    return finish
