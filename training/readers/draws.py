"""Turns reading examples into the batches of a training: order, windows of passages, answers as tokens."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import TrainingError
from .reading_example import ReadingExample

WINDOWS = {48: 0.4, 80: 0.4, 144: 0.2}
"""How many tokens of the passages a step sees, and how often. Short windows cost less, and hold the same answers."""
_SORTED_TOGETHER = 16
"""Batches whose examples are sorted by length, so that little of a batch is padding."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    """An example as tokens: ids of both texts, and the answers as first and last token of the passage."""

    question: list[int]
    passage: list[int]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """The tensors of one step: token ids, type ids and mask of shape (examples, tokens); targets of shape (examples,).

    An example without an answer has the targets 0, the place of [CLS].
    """

    ids: Tensor
    types: Tensor
    mask: Tensor
    starts: Tensor
    ends: Tensor


class Draws:
    """The batches of a training by their number. A batch depends only on its number and the seed.

    An epoch is a permutation of the examples. Of a long passage a step sees a window around one of the answers, which
    begins at random; of one without an answer, any window.
    """

    def __init__(self, examples: Sequence[ReadingExample], tokenizer: Any, *, per_step: int, seed: int) -> None:  # noqa: ANN401
        """Tokenise examples.

        Args:
            examples: The examples.
            tokenizer: A fast tokenizer of transformers, of a model that reads pairs.
            per_step: Examples in a batch.
            seed: The seed of the order and the windows.

        Raises:
            TrainingError: No example is left: all answers are outside of what the tokenizer gives.
        """
        self._encoded = [encoded for example in examples if (encoded := _encode(example, tokenizer)) is not None]
        if not self._encoded:
            raise TrainingError("there is no example to learn from: no answer has a token of its own")
        self._per_step, self._seed = per_step, seed
        self._special = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
        self._orders: dict[int, list[list[int]]] = {}

    def __len__(self) -> int:
        """The number of steps of an epoch."""
        return -(-len(self._encoded) // self._per_step)

    def batch(self, number: int) -> Batch:
        """Return the batch of a step, counted from 0."""
        epoch, step = divmod(number, len(self))
        rng = random.Random(f"{self._seed} {number}")
        (window,) = rng.choices(list(WINDOWS), list(WINDOWS.values()))
        return self._joined([_cut(self._encoded[row], window, rng) for row in self._order(epoch)[step]])

    def _order(self, epoch: int) -> list[list[int]]:
        if epoch not in self._orders:
            rng = random.Random(f"{self._seed} epoch {epoch}")
            rows = rng.sample(range(len(self._encoded)), len(self._encoded))
            together = self._per_step * _SORTED_TOGETHER
            batches: list[list[int]] = []
            for first in range(0, len(rows), together):
                alike = sorted(rows[first : first + together], key=self._length)
                batches += [alike[at : at + self._per_step] for at in range(0, len(alike), self._per_step)]
            rng.shuffle(batches)
            self._orders = {epoch: batches}
        return self._orders[epoch]

    def _length(self, row: int) -> int:
        item = self._encoded[row]
        return len(item.question) + len(item.passage)

    def _joined(self, items: Sequence[_Encoded]) -> Batch:
        first, between, padding = self._special
        longest = max(len(item.question) + len(item.passage) for item in items) + 3
        ids = np.full((len(items), longest), padding, np.int64)
        types, mask = np.zeros_like(ids), np.zeros_like(ids)
        targets = np.zeros((2, len(items)), np.int64)
        for row, item in enumerate(items):
            before = len(item.question) + 2
            tokens = [first, *item.question, between, *item.passage, between]
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
            types[row, before : len(tokens)] = 1
            if item.spans:
                targets[:, row] = before + np.array(item.spans[0])
        tensors = (torch.from_numpy(array) for array in (ids, types, mask, targets[0], targets[1]))  # pyright: ignore[reportUnknownMemberType]
        return Batch(*tensors)


def _encode(example: ReadingExample, tokenizer: Any) -> _Encoded | None:  # noqa: ANN401
    question = tokenizer(example.question, add_special_tokens=False)["input_ids"]
    passage = tokenizer(example.passage, add_special_tokens=False, return_offsets_mapping=True)
    offsets: list[tuple[int, int]] = passage["offset_mapping"]
    begins, ends = [begin for begin, _ in offsets], [end for _, end in offsets]
    spans: list[tuple[int, int]] = []
    for start, end in example.spans:
        first, last = bisect_right(ends, start), bisect_left(begins, end) - 1
        if first <= last:
            spans.append((first, last))
    if example.spans and not spans:
        return None  # without tokens it would count as no answer
    return _Encoded(question[:64], passage["input_ids"], tuple(spans))


def _cut(item: _Encoded, window: int, rng: random.Random) -> _Encoded:
    """A window of a passage, with one of the answers in it, the others left out."""
    if not item.spans:
        start = rng.randint(0, max(0, len(item.passage) - window))
        return _Encoded(item.question, item.passage[start : start + window], ())
    first, last = rng.choice(item.spans)
    window = max(window, last - first + 1)
    lowest, highest = max(0, last - window + 1), min(first, max(0, len(item.passage) - window))
    start = rng.randint(lowest, max(lowest, highest))
    return _Encoded(item.question, item.passage[start : start + window], ((first - start, last - start),))
