"""ParallelEncoder: copies of one model on several devices, used as one encoder."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..errors.arguments import checked_items
from ..index import ModelFingerprint
from ..inference import has_vocabulary
from .encoder import Encoder, check_encoder

_SHARES = 4
"""Portions for each device: the others wait for a slow device, or for long texts, at most one portion long."""

_MIN_PORTION = 32
"""The fewest passages of a portion; fewer would not fill a device."""


class ParallelEncoder:
    """Embeds passages on several copies of a model at once, and queries on the first copy.

    Passages are sorted by length and cut into portions. Each encoder has a thread and takes the next portion when it is
    free. The portions depend only on the passages, so equal devices return equal vectors every time.
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        """Join several encoders.

        Args:
            encoders: Copies of the same model.

        Raises:
            ArgumentError: There is no encoder, or two are different models.
        """
        given = checked_items(encoders, "encoders", "models")
        for encoder in given:
            check_encoder(encoder)
        if not given:
            raise ArgumentError("a ParallelEncoder needs at least one encoder, and got none")
        self.encoders = cast("tuple[Encoder, ...]", tuple(given))
        for number, encoder in enumerate(self.encoders):
            if encoder.fingerprint != self.fingerprint:
                raise ArgumentError(
                    f"encoder {number} of a ParallelEncoder is another model than the first: "
                    f"{encoder.fingerprint}, not {self.fingerprint}; give it copies of one model"
                )

    @property
    def fingerprint(self) -> ModelFingerprint:
        """The identity of the model."""
        return self.encoders[0].fingerprint

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that the model reads, without special tokens."""
        return self.encoders[0].max_tokens

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(queries), dimension), float32."""
        return self.encoders[0].encode_queries(queries)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        return self.encoders[0].count_tokens(texts)

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of each text that the tokenizer, which all encoders share, does not know."""
        first = self.encoders[0]
        return first.unknown_shares(texts) if has_vocabulary(first) else [0.0 for _ in texts]

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages.

        If an encoder fails, its error is raised after the others have finished their current portion.

        Args:
            passages: The texts.

        Returns:
            Unit vectors, float32 of shape (len(passages), dimension), in the order of ``passages``.
        """
        longest_first = sorted(range(len(passages)), key=lambda row: -len(passages[row]))
        size = max(_MIN_PORTION, -(-len(passages) // (_SHARES * len(self.encoders))))
        portions = [longest_first[start : start + size] for start in range(0, len(passages), size)]
        vectors = self._encode_portions([[passages[row] for row in rows] for rows in portions])
        ordered = np.empty_like(vectors)
        ordered[longest_first] = vectors
        return ordered

    def _encode_portions(self, portions: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        remaining = deque(enumerate(portions))
        nothing = np.empty((0, self.fingerprint.dimension), np.float32)
        vectors = [nothing] * len(portions)

        def work(encoder: Encoder) -> None:
            while True:
                try:
                    number, texts = remaining.popleft()
                except IndexError:
                    return
                vectors[number] = encoder.encode_documents(texts)

        with ThreadPoolExecutor(len(self.encoders), thread_name_prefix="bicross") as threads:
            futures = [threads.submit(work, encoder) for encoder in self.encoders[: len(portions)]]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                remaining.clear()  # after an error or an interrupt no encoder begins another portion
        for future in futures:
            future.result()
        return np.concatenate([nothing, *vectors])
