"""The outputs of pairs that were scored before."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..reranker import Pair, distinct

Outputs = NDArray[np.float32]
"""The outputs of a model, shape (pairs, outputs)."""


class OutputCache:
    """The outputs of the most recently used pairs. Threads may share it.

    Args:
        size: The most pairs that are kept; 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def outputs(self, pairs: Sequence[Pair], width: int, compute: Callable[[list[Pair]], Outputs]) -> Outputs:
        """Return the outputs of pairs, each distinct pair computed once at most.

        Args:
            pairs: Pairs of texts.
            width: The number of outputs of the model.
            compute: Computes the outputs of pairs that are not kept.

        Returns:
            float32 of shape (len(pairs), width). Equal pairs have equal outputs.
        """
        if not pairs:
            return np.empty((0, width), np.float32)
        places, inverse = distinct(pairs)
        keys = [_key(pairs[row]) for row in places]
        kept = self._kept(keys)
        missing = [row for row, values in enumerate(kept) if values is None]
        if missing:
            computed = compute([pairs[places[row]] for row in missing])
            for row, values in zip(missing, computed, strict=True):
                kept[row] = values
            self._keep([keys[row] for row in missing], computed)
        return np.array(kept, np.float32).reshape(len(places), width)[inverse]

    def _kept(self, keys: Sequence[bytes]) -> list[NDArray[np.float32] | None]:
        with self._lock:
            for key in keys:
                if key in self._rows:
                    self._rows.move_to_end(key)
            return [self._rows.get(key) for key in keys]

    def _keep(self, keys: Sequence[bytes], computed: Outputs) -> None:
        first = max(0, len(keys) - self._size)
        with self._lock:
            for key, values in zip(keys[first:], computed[first:], strict=True):
                self._rows[key] = values.copy()  # a view would keep the whole array
                self._rows.move_to_end(key)
            while len(self._rows) > self._size:
                self._rows.popitem(last=False)


def _key(pair: Pair) -> bytes:
    digest = hashlib.blake2b(digest_size=24)  # of a fixed size, so that long texts take no more memory
    for text in pair:
        encoded = text.encode("utf-8")
        digest.update(len(encoded).to_bytes(8, "little"))  # ("ab", "c") is not ("a", "bc")
        digest.update(encoded)
    return digest.digest()
