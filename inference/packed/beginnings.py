"""Computes what sequences have in common at their beginning once: the instruction and the query of a reranker's prompt.

It holds for models in which no token sees a later one: there the keys and values of a token depend on those before it
alone (as in Zheng et al. 2024, "SGLang", section 3).
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .engine import PackedEncoder, gathered
from .layers import KeysAndValues
from .packing import Packed, Rows

LEAST_SAVED = 256
"""Sequences run apart from others only if that saves so many tokens: small batches are slower."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What some sequences have in common.

    Attributes:
        rows: The numbers of the sequences, ascending.
        length: The number of tokens at their beginning that are equal, and at least one less than the shortest has.
    """

    rows: Rows
    length: int


def run_sharing(
    encoder: PackedEncoder, sequences: Sequence[NDArray[np.int32]], labels: Sequence[Hashable]
) -> NDArray[np.float32]:
    """Run sequences, and compute what some have in common at their beginning once, if the model allows it.

    Args:
        encoder: The encoder.
        sequences: Token ids and type ids, each of shape (2, tokens), special tokens included.
        labels: Sequences with the same label probably begin alike.

    Returns:
        What ``encoder.run`` gives, up to the last digits.
    """
    if not encoder.continues:
        return encoder.run(sequences)
    done: list[tuple[Rows, Tensor]] = []
    alone = np.ones(len(sequences), np.bool_)
    for shared in beginnings(sequences, labels, passed_over=encoder.pooling.passed_over):
        alone[shared.rows] = False
        own = [sequences[int(row)] for row in shared.rows]
        [(_, kept)] = encoder.in_batches([own[0][:, : shared.length]], np.arange(1), partial(_keep, encoder))
        rests = [sequence[:, shared.length :] for sequence in own]
        continued = encoder.in_batches(rests, np.arange(len(own)), partial(_continue, encoder, kept))
        done += [(shared.rows[numbers], values) for numbers, values in continued]
    if alone.any() or not done:
        done += encoder.in_batches(sequences, np.flatnonzero(alone), encoder.start)
    return gathered(done)


def _keep(encoder: PackedEncoder, batch: Packed, rows: Rows) -> list[KeysAndValues]:
    """The keys and values of each layer for a batch of one sequence."""
    del rows
    with encoder.turn():
        device_batch = encoder.to_device(batch)
        x, kept = encoder.embed(device_batch), list[KeysAndValues]()
        for number, layer in enumerate(encoder.layers, start=1):
            x, (k, v) = layer.keeping(x, device_batch.sequences, last=number == len(encoder.layers))
            kept.append((k[: batch.tokens], v[: batch.tokens]))
        return kept


def _continue(encoder: PackedEncoder, kept: Sequence[KeysAndValues], batch: Packed, rows: Rows) -> Tensor:
    """A row for each sequence of a batch, which continue the one whose keys and values were kept."""
    del rows
    with encoder.turn():
        device_batch = encoder.to_device(batch, after=len(kept[0][0]))
        x = encoder.embed(device_batch)
        for layer, before in zip(encoder.layers[:-1], kept[:-1], strict=True):
            x = layer(x, device_batch.sequences, None, before)
        return encoder.end(x, device_batch, kept[-1])


def beginnings(
    sequences: Sequence[NDArray[np.int32]], labels: Sequence[Hashable], *, passed_over: int | None
) -> list[Beginning]:
    """Find sequences with a common beginning.

    Args:
        sequences: Token ids and type ids, each of shape (2, tokens).
        labels: Sequences with the same label are compared.
        passed_over: A token id that does not count as the last token of a sequence, if there is one.

    Returns:
        The beginnings that pay, in the order of their first sequence. A sequence is in one of them at most.
    """
    rows_of: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    result: list[Beginning] = []
    for rows in rows_of.values():
        length = _common([sequences[row] for row in rows], passed_over) if len(rows) > 1 else 0
        if length * (len(rows) - 1) >= LEAST_SAVED:
            result.append(Beginning(np.array(rows, np.int64), length))
    return result


def _common(sequences: Sequence[NDArray[np.int32]], passed_over: int | None) -> int:
    """The length of the common beginning, up to the last token of each sequence."""
    length = min(_before_last(sequence[0], passed_over) for sequence in sequences)
    first = sequences[0][:, :length]
    for sequence in sequences[1:]:
        differs = np.flatnonzero((first != sequence[:, : first.shape[1]]).any(axis=0))
        if len(differs):
            first = first[:, : differs[0]]
    return first.shape[1]


def _before_last(ids: NDArray[np.int32], passed_over: int | None) -> int:
    counted = np.flatnonzero(ids != passed_over) if passed_over is not None else np.array([len(ids) - 1])
    return int(counted[-1]) if len(counted) else 0
