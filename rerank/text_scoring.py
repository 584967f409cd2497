"""Cross-encoders that take pairs as texts alone, because a chat template or sentence-transformers tokenises them."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..inference import ChatTemplate, Dtype, TokenIds, batch_size_for, cast_model
from .inputs import PairInput, SizedPair, token_ends, with_queries_cut
from .reranker import Pair
from .unpacked import StandardCrossEncoder, Truncation, WholeInputs

if TYPE_CHECKING:
    from ..inference.packed import PackedModel  # it imports torch, which takes seconds

Run = Callable[[Sequence[TokenIds], Sequence[int]], NDArray[np.float32]]
"""Takes whole inputs, and how many tokens at the beginning of each other inputs probably have too.

Returns (len(inputs), outputs).
"""


class TextCrossEncoder(Protocol):
    """A cross-encoder that takes texts."""

    def sizes(self, pairs: Sequence[Pair]) -> Sequence[SizedPair]:
        """Measure pairs."""
        ...

    def with_queries_cut(self, pairs: Sequence[Pair], limit: int) -> list[Pair]:
        """Cut the queries to at most ``limit`` tokens."""
        ...

    def outputs(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """The outputs of the model before any activation, float32 of shape (len(pairs), outputs)."""
        ...


def text_cross_encoder(
    model: Any,  # noqa: ANN401 - models share no useful base
    pair_input: PairInput,
    packed: "PackedModel | None",
    dtype: Dtype,
    batch_size: int | None,
    *,
    truncation: Truncation = "only_second",
) -> TextCrossEncoder:
    """Make a cross-encoder that takes texts.

    Args:
        model: A CrossEncoder of sentence-transformers.
        pair_input: How it takes its pairs.
        packed: The packed model, which needs a chat template here; None if sentence-transformers runs the model.
        dtype: The number format, for sentence-transformers.
        batch_size: Its pairs per batch; None takes a good number.
        truncation: Which text of a pair that is too long is cut; in a chat template it is always the second.
    """
    template, max_length = pair_input.template, pair_input.max_length
    if packed is not None:
        assert template is not None
        return ChatCrossEncoder(template, packed.run_whole, max_length)
    model, batch_size = cast_model(model, dtype), batch_size or batch_size_for(model.device)
    if template is not None:
        return ChatCrossEncoder(template, WholeInputs(model, batch_size).run, max_length)
    return StandardCrossEncoder(model, batch_size, max_length, truncation=truncation)


class ChatCrossEncoder:
    """A cross-encoder that takes pairs in a chat template, of which the passage alone is cut.

    A lock admits one thread at a time to the tokenizer, because its state changes while it works.

    Args:
        template: The template.
        run: Computes the outputs of whole inputs.
        max_length: The most tokens of an input.
    """

    def __init__(self, template: ChatTemplate, run: Run, max_length: int) -> None:
        self._template, self._run, self._max_length = template, run, max_length
        self._lock = threading.Lock()

    def sizes(self, pairs: Sequence[Pair]) -> Sequence[SizedPair]:
        """Measure pairs."""
        with self._lock:
            return self._template.encode(pairs)

    def with_queries_cut(self, pairs: Sequence[Pair], limit: int) -> list[Pair]:
        """Cut the queries to at most ``limit`` tokens."""
        return with_queries_cut(pairs, limit, ends=self._token_ends, sizes=self.sizes)

    def _token_ends(self, query: str) -> list[int]:
        with self._lock:
            return token_ends(self._template.tokenizer, query)

    def outputs(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """The outputs of the model before any activation, float32 of shape (len(pairs), outputs)."""
        with self._lock:
            cut = [
                self._template.cut(pair, whole, self._max_length)
                for pair, whole in zip(pairs, self._template.encode(pairs), strict=True)
            ]
        return self._run([pair.joined() for pair in cut], [len(pair.before) for pair in cut])
