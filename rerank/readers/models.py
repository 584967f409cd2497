"""Loads readers, and runs them: packed where the engine can, else by transformers."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...errors import ModelError
from ...inference import Dtype, TextTokenizer, batch_size_for, cast_model, load_model, token_limit
from ...inference.packed import packed_reader

logger = logging.getLogger("bicross")

_LEAST_TOKENS = 16
"""Of a pair: with fewer there is no room for a question and words of a passage."""


class TokenModel(Protocol):
    """Computes two outputs for each token of complete inputs."""

    def run_tokens(self, inputs: Sequence[NDArray[np.int32]]) -> list[NDArray[np.float32]]:
        """Run inputs: token ids and type ids of shape (2, tokens) to outputs of shape (tokens, 2) for each."""
        ...


class LoadedReader(nn.Module):
    """A model of transformers for question answering, with what the checks of ``load_model`` look at.

    Attributes:
        model: The model, in float32.
        tokenizer: Its tokenizer.
        config: Its config.
        max_seq_length: None: nothing but the model and its tokenizer limits the tokens.
    """

    max_seq_length = None

    def __init__(self, folder: str, *, device: str | None, model_kwargs: dict[str, Any], **options: Any) -> None:  # noqa: ANN401
        import transformers

        super().__init__()
        auto, tokenizers = cast(Any, transformers.AutoModelForQuestionAnswering), cast(Any, transformers.AutoTokenizer)
        self.model = auto.from_pretrained(folder, **model_kwargs, **options)
        self.tokenizer: Any = tokenizers.from_pretrained(folder, **options)
        self.config = self.model.config
        self.model.eval().to(device or _fastest())


def _fastest() -> str:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return "cpu" if accelerator is None else accelerator.type


def open_token_model(
    folder: Path, name: str | Path, *, device: str | None, dtype: Dtype, max_length: int | None
) -> tuple[TokenModel, TextTokenizer, int]:
    """Load a reader.

    Args:
        folder: Its folder.
        name: The name by which the user asked for it, for messages.
        device: A torch device; None is the fastest there is.
        dtype: The number format of the layers.
        max_length: Lowers the limit on the tokens of an input.

    Returns:
        The model, its tokenizer, and the most tokens of an input.

    Raises:
        ModelError: It cannot be loaded, or has not two outputs for each token.
        ArgumentError: ``max_length`` is too small, or "int8" or the device is not available here.
    """
    loaded = load_model(LoadedReader, folder, device=device)
    outputs = int(loaded.config.num_labels)
    if outputs != 2:
        raise ModelError(f"{name} has {outputs} outputs for each token; a reader has two, for the begin and the end")
    tokenizer = TextTokenizer.of(loaded.tokenizer)
    [word] = tokenizer.encode(["a"])
    if tokenizer.pair(word, word, max_length=_LEAST_TOKENS)[0, 0] == word[0]:
        raise ModelError(
            f"{name} puts no special token, such as [CLS], first: its score would mean that there is no answer"
        )
    limit = token_limit(loaded, max_length, least=_LEAST_TOKENS)
    packed = packed_reader(loaded.model, tokenizer, dtype=dtype, max_length=limit)
    if packed is not None:
        return packed, tokenizer, limit
    return PaddedReader(cast_model(loaded.model, dtype), loaded.tokenizer), tokenizer, limit


class PaddedReader:
    """Runs a reader by transformers, in padded batches of similar lengths. A lock admits one thread at a time."""

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401 - models share no useful base
        self._model = model
        self._takes_types = "token_type_ids" in tokenizer.model_input_names
        self._padding = tokenizer.pad_token_id
        self._at_once = 1 if self._padding is None else batch_size_for(model.device)
        self._lock = threading.Lock()

    def run_tokens(self, inputs: Sequence[NDArray[np.int32]]) -> list[NDArray[np.float32]]:
        """Run inputs as ``TokenModel`` says."""
        longest_first = sorted(range(len(inputs)), key=lambda row: -inputs[row].shape[1])
        outputs: dict[int, NDArray[np.float32]] = {}
        with self._lock, torch.inference_mode():
            for start in range(0, len(inputs), self._at_once):
                rows = longest_first[start : start + self._at_once]
                logits = self._run([inputs[row] for row in rows])
                outputs |= {row: logits[position, : inputs[row].shape[1]] for position, row in enumerate(rows)}
        return [outputs[row] for row in range(len(inputs))]

    def _run(self, batch: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        longest = max(item.shape[1] for item in batch)
        padded = np.zeros((3, len(batch), longest), np.int64)  # ids, types, mask
        padded[0] = self._padding or 0
        for row, item in enumerate(batch):
            padded[:2, row, : item.shape[1]] = item
            padded[2, row, : item.shape[1]] = 1
        ids, types, mask = torch.from_numpy(padded).to(self._model.device)  # pyright: ignore[reportUnknownMemberType]
        given = {"token_type_ids": types} if self._takes_types else {}
        result = self._model(input_ids=ids, attention_mask=mask, **given)
        return torch.stack([result.start_logits, result.end_logits], dim=-1).float().cpu().numpy()
