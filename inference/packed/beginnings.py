"""Computes what sequences have in common at their beginning once: the instruction and the query of a reranker's prompt.

It holds for models in which no token sees a later one: there the keys and values of a token depend on those before it
alone (as in Zheng et al. 2024, "SGLang", section 3).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .engine import PackedEncoder, gathered
from .layers import KeysAndValues
from .packing import Packed, Rows

LEAST_SAVED = 256
"""Sequences run apart from others on a GPU only if that saves so many tokens: small batches are slower."""


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
    encoder: PackedEncoder, sequences: Sequence[NDArray[np.int32]], lengths: Sequence[int]
) -> NDArray[np.float32]:
    """Run sequences, and compute what some have in common at their beginning once, if the model allows it.

    On a CPU a sequence always continues its beginning, also where no other has it: computed in one piece, its result
    would have other last digits, and these would depend on the other sequences of the call.

    Args:
        encoder: The encoder.
        sequences: Token ids and type ids, each of shape (2, tokens), special tokens included.
        lengths: The tokens at the beginning of each sequence that others probably have as well.

    Returns:
        What ``encoder.run`` gives, up to the last digits.
    """
    if not encoder.continues:
        return encoder.run(sequences)
    least = 0 if encoder.on_cpu else LEAST_SAVED
    done: list[tuple[Rows, Tensor]] = []
    alone = np.ones(len(sequences), np.bool_)
    for shared in beginnings(sequences, lengths, passed_over=encoder.pooling.passed_over, least_saved=least):
        alone[shared.rows] = False
        own = [sequences[int(row)] for row in shared.rows]
        [(_, kept)] = encoder.in_batches([own[0][:, : shared.length]], np.arange(1), partial(_keep, encoder))
        continuations = [sequence[:, shared.length :] for sequence in own]
        continued = encoder.in_batches(continuations, np.arange(len(own)), partial(_continue, encoder, kept))
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
    """Run sequences that continue a shared beginning, whose keys and values were kept; a row for each."""
    del rows
    with encoder.turn():
        device_batch = encoder.to_device(batch, after=len(kept[0][0]))
        x = encoder.embed(device_batch)
        for layer, before in zip(encoder.layers[:-1], kept[:-1], strict=True):
            x = layer(x, device_batch.sequences, None, before)
        return encoder.end(x, device_batch, kept[-1])


def beginnings(
    sequences: Sequence[NDArray[np.int32]], lengths: Sequence[int], *, passed_over: int | None, least_saved: int
) -> list[Beginning]:
    """Find sequences with a common beginning.

    Args:
        sequences: Token ids and type ids, each of shape (2, tokens).
        lengths: The length of the beginning of each; one that reaches the last token is shortened.
        passed_over: A token id that does not count as the last token of a sequence, if there is one.
        least_saved: The fewest tokens that a beginning must save; with 0 also a beginning of a single sequence counts.

    Returns:
        The beginnings, in the order of their first sequence. A sequence is in one of them at most.
    """
    rows_of: defaultdict[bytes, list[int]] = defaultdict(list)
    length_of: dict[bytes, int] = {}
    for row, (sequence, given) in enumerate(zip(sequences, lengths, strict=True)):
        length = min(given, _before_last(sequence[0], passed_over))
        beginning = sequence[:, :length].tobytes()
        rows_of[beginning].append(row)
        length_of[beginning] = length
    return [
        Beginning(np.array(rows, np.int64), length_of[beginning])
        for beginning, rows in rows_of.items()
        if length_of[beginning] and length_of[beginning] * (len(rows) - 1) >= least_saved
    ]


def _before_last(ids: NDArray[np.int32], passed_over: int | None) -> int:
    counted = np.flatnonzero(ids != passed_over) if passed_over is not None else np.array([len(ids) - 1])
    return int(counted[-1]) if len(counted) else 0
