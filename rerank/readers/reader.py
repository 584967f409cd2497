"""The reader that runs a transformer for extractive question answering."""

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelCorrupt, QueryError
from ...errors.arguments import checked_count
from ...inference import (
    MODEL_SETTINGS,
    Dtype,
    ModelFiles,
    TokenIds,
    model_settings,
    require_reader,
    resolve_dtype,
    resolve_model,
)
from ...models import DEFAULT_READER
from ..calibration import UNCALIBRATED, Calibration, calibration_from_dict
from ..reranker import Pair, check_pairs
from .span import MAX_ANSWER_TOKENS, Span
from .spans import TokenSpan, apart, best_spans, characters, tried, windows_of

OVERLAP = 32
"""Tokens that two windows of a passage share."""
_LEAST_ROOM = 8
"""Tokens of a passage beside a question; with fewer the question is too long."""
_NO_ANSWER_BELOW = 0.5
"""For readers without settings of this project: no answer is likelier than the span."""
_WINDOWS_AT_ONCE = 1024
"""The most windows whose outputs are in memory."""


class ExtractiveReader:
    """Finds answers with any transformer for extractive question answering. Threads may share it.

    The passage is read in windows that overlap, each beside the whole question. The score of a span is the sum of the
    logits of its first and its last token, less that of [CLS] in the same window, as in Devlin et al. 2019 ("BERT",
    arXiv 1810.04805, section 4.3), so that scores of several windows and passages can be compared.

    Args:
        model: A hub id, a local folder or a bundled name.
        device: A torch device; None takes CUDA, then MPS, then the CPU.
        dtype: The number format of the layers. "int8" is for models that run packed.
        max_length: The most tokens of a window with its question; None is what the model's settings say, else its
            limit.
        overlap: Tokens that two windows of a passage share.

    Raises:
        ArgumentError: "int8" or the device is not available here, or a number is out of its range.
        ModelError: The model is not a reader, lacks a weight, or cannot be loaded.
        ModelNotFound: There is no such model.

    Example:
        >>> reader = ExtractiveReader()
        >>> [[span]] = reader.read([("Who wrote Emma?", "Emma is a novel by Jane Austen.")])
        >>> span.text
        'Jane Austen'
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_READER,
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        max_length: int | None = None,
        overlap: int = OVERLAP,
    ) -> None:
        dtype = resolve_dtype(dtype, device)
        self._overlap = checked_count(overlap, "overlap", least=0)
        folder = resolve_model(model)
        require_reader(folder, model)
        settings = _reader_settings(folder)
        from .models import open_token_model  # imports torch, which takes seconds

        length = _length(settings, folder) if max_length is None else max_length
        self._model, self._tokenizer, self._max_length = open_token_model(
            folder, model, device=device, dtype=dtype, max_length=length
        )
        self._calibration = _calibration(settings, folder)
        self._no_answer_below = _share(settings, "no_answer_below", _NO_ANSWER_BELOW, folder)
        self._made_of = (str(model), folder, dtype)

    @property
    def calibration(self) -> Calibration:
        """The curve from the score of a span to the probability that it is right; a sigmoid for unknown models."""
        return self._calibration

    @property
    def no_answer_below(self) -> float:
        """The probability below which a passage counts as one without an answer."""
        return self._no_answer_below

    @property
    def max_length(self) -> int:
        """The most tokens of a window with its question, special tokens included."""
        return self._max_length

    @property
    def runs_packed(self) -> bool:
        """Whether the model runs in this project's engine; the log says why if it does not."""
        from ...inference.packed import PackedModel

        return isinstance(self._model, PackedModel)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Identifies all that scores depend on."""
        name, folder, dtype = self._made_of
        files = ModelFiles.of(name, folder)
        return (
            f"{files.weights_sha256}-{files.tokenizer_sha256}-{files.settings_sha256}-{self._max_length}-"
            f"{self._overlap}-{dtype}"
        )

    def read(
        self, pairs: Sequence[Pair], *, spans: int = 1, max_answer_tokens: int = MAX_ANSWER_TOKENS
    ) -> list[list[Span]]:
        """Find the best answers in passages.

        Args:
            pairs: (question, passage) texts.
            spans: The most answers of a passage, which do not overlap.
            max_answer_tokens: The most tokens of an answer.

        Returns:
            For each pair its answers, best first. A passage without words has none.

        Raises:
            QueryError: A question is blank, or leaves no room for the passage.
            ArgumentError: A pair is not two texts, or a number is out of its range.
        """
        check_pairs(pairs)
        count = checked_count(spans, "spans", least=1)
        longest = checked_count(max_answer_tokens, "max_answer_tokens", least=1)
        questions = self._questions(pairs)
        places = list({passage: None for _, passage in pairs})
        passages = dict(zip(places, self._tokenizer.encode_with_offsets(places), strict=True))
        windows = [
            (row, start, stop)
            for row, (question, passage) in enumerate(pairs)
            for start, stop in self._windows(len(questions[question]), len(passages[passage][0]))
        ]
        candidates: list[list[TokenSpan]] = [[] for _ in pairs]
        for first in range(0, len(windows), _WINDOWS_AT_ONCE):
            chunk = windows[first : first + _WINDOWS_AT_ONCE]
            texts = [(questions[pairs[row][0]], passages[pairs[row][1]][0][start:stop]) for row, start, stop in chunk]
            for (row, start, _), (logits, null) in zip(chunk, self._outputs(texts), strict=True):
                candidates[row] += [
                    TokenSpan(span.first + start, span.last + start, span.score)
                    for span in best_spans(logits, null, longest=longest, count=tried(count))
                ]
        return [
            _spans(passage, passages[passage][1], apart(spans, count))
            for (_, passage), spans in zip(pairs, candidates, strict=True)
        ]

    def _questions(self, pairs: Sequence[Pair]) -> dict[str, TokenIds]:
        texts = list({question: None for question, _ in pairs})
        if any(not text.strip() for text in texts):
            raise QueryError("a question is blank; ask something")
        encoded = dict(zip(texts, self._tokenizer.encode(texts), strict=True))
        limit = self._max_length - self._tokenizer.special_tokens(pair=True) - _LEAST_ROOM
        for text, ids in encoded.items():
            if len(ids) > limit:
                raise QueryError(
                    f"the question has {len(ids)} tokens, and this reader takes {limit} at most; shorten it: "
                    f"{text!r:.80}"
                )
        return encoded

    def _windows(self, question: int, passage: int) -> list[tuple[int, int]]:
        if not passage:
            return []
        return windows_of(
            passage, self._max_length - self._tokenizer.special_tokens(pair=True) - question, self._overlap
        )

    def _outputs(self, texts: Sequence[tuple[TokenIds, TokenIds]]) -> list[tuple[NDArray[np.float32], float]]:
        """For each pair of ids the logits of the passage's tokens, and the sum of those of the first special token."""
        inputs = [self._tokenizer.pair(*pair, max_length=self._max_length) for pair in texts]
        result: list[tuple[NDArray[np.float32], float]] = []
        for (question, passage), outputs in zip(texts, self._model.run_tokens(inputs), strict=True):
            begin = self._tokenizer.before_second(question)
            result.append((outputs[begin : begin + len(passage)], float(outputs[0].sum(dtype=np.float64))))
        return result


def _spans(passage: str, offsets: NDArray[np.int64], chosen: Sequence[TokenSpan]) -> list[Span]:
    placed = [(characters(passage, offsets, span), span.score) for span in chosen]
    return [Span(passage[offsets[0] : offsets[1]], *offsets, score) for offsets, score in placed if offsets is not None]


def _reader_settings(folder: Path) -> Mapping[str, Any]:
    """Read what ``bicross.json`` says of a reader: its calibration, and when a passage has no answer.

    Raises:
        ModelCorrupt: The settings are not a JSON object.
    """
    settings: object = model_settings(folder).get("reader", {})
    if not isinstance(settings, dict):
        raise ModelCorrupt(f"{folder / MODEL_SETTINGS} says reader={settings!r:.80}; it must be a JSON object")
    return cast("Mapping[str, Any]", settings)


def _calibration(settings: Mapping[str, Any], folder: Path) -> Calibration:
    stored = settings.get("calibration")
    try:
        return UNCALIBRATED if stored is None else calibration_from_dict(stored)
    except ValueError as error:
        raise ModelCorrupt(f"{folder / MODEL_SETTINGS} has a calibration that cannot be used: {error}") from error


def _length(settings: Mapping[str, Any], folder: Path) -> int | None:
    value = settings.get("max_length")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ModelCorrupt(f"{folder / MODEL_SETTINGS} says max_length={value!r}; it must be a number of tokens")
    return value


def _share(settings: Mapping[str, Any], name: str, default: float, folder: Path) -> float:
    value = settings.get(name, default)
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0.0 <= value <= 1.0:
        raise ModelCorrupt(f"{folder / MODEL_SETTINGS} says {name}={value!r}; it must be a number from 0 to 1")
    return float(value)
