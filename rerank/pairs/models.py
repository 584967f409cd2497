"""Models that compare two texts: cross-encoders with any number of outputs, and the cosine of an encoder."""

import copy
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...inference import (
    Dtype,
    TokenIds,
    cast_model,
    kind_of,
    load_encoder,
    load_reranker,
    own_limit,
    token_limit,
)
from ...inference.checkpoints import architectures_of
from ..inputs import PairInput, pair_input
from ..packed_scoring import each_text
from ..reranker import Pair
from ..scoring_head import require_answers
from ..text_scoring import text_cross_encoder

if TYPE_CHECKING:
    from ...inference.packed import PackedModel  # it imports torch, which takes seconds


class PairModel(Protocol):
    """Computes outputs of pairs."""

    outputs: int
    """The number of outputs."""
    is_cosine: bool
    """Whether the output is the cosine of two vectors, and not a logit."""
    max_length: int
    """The most tokens of a pair, or of one text where each has its own vector, special tokens included."""
    runs_packed: bool
    """Whether it runs in this project's engine."""

    def run(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Compute the outputs before any activation, float32 of shape (len(pairs), outputs)."""
        ...

    def is_cut(self, pairs: Sequence[Pair]) -> list[bool]:
        """Tell for each pair whether it is too long, and a text of it is cut."""
        ...


def pair_model(
    name: str | Path, folder: Path, *, device: str | None, dtype: Dtype, max_length: int | None
) -> PairModel:
    """Open a model that compares two texts.

    Args:
        name: The name by which the user asked for the model, for messages.
        folder: The folder that ``resolve_model`` returned for it.
        device: A torch device; None takes the fastest.
        dtype: The number format of the layers.
        max_length: Lowers the limit on the tokens of a pair.

    Raises:
        ModelError: The model is of another kind.
    """
    kind = kind_of(folder)
    if kind == "reranker":
        return CrossEncoderPairs(name, folder, device=device, dtype=dtype, max_length=max_length)
    if kind == "encoder":
        return CosinePairs(folder, device=device, dtype=dtype, max_length=max_length)
    raise ModelError(
        f"{name} cannot compare two texts: it is {_described(folder, kind)}. Name a cross-encoder or an encoder, whose "
        "cosine is a similarity"
    )


def _described(folder: Path, kind: str | None) -> str:
    architectures = architectures_of(folder)
    if any(name.endswith("ForQuestionAnswering") for name in architectures):
        return f"a reader ({', '.join(architectures)}), which finds answers in a text"
    article = f"a {kind} model" if kind in ("late interaction", "sparse", "multi-vector") else f"a {kind}"
    if kind is not None:
        return article
    return f"{', '.join(architectures)}, without a head" if architectures else "of an unknown kind"


class CrossEncoderPairs:
    """A cross-encoder. Of a pair that is too long the longer text is cut, as sentence-transformers does it."""

    is_cosine = False

    def __init__(
        self, name: str | Path, folder: Path, *, device: str | None, dtype: Dtype, max_length: int | None
    ) -> None:
        from ...inference.packed import packed_reranker

        loaded: Any = load_reranker(folder, device=device)
        require_answers(loaded, name)
        self.outputs = int(loaded.num_labels)
        self._input: PairInput = pair_input(loaded, max_length)
        self.max_length = self._input.max_length
        whole = self._input.template is not None
        engine = packed_reranker(loaded, dtype=dtype, max_length=self.max_length, whole=whole)
        self.runs_packed = engine is not None
        self._packed: PackedModel | None = None if whole else engine
        self._standard = (
            None
            if self._packed
            else text_cross_encoder(loaded, self._input, engine, dtype, None, truncation="longest_first")
        )

    def run(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Compute the outputs before any activation, float32 of shape (len(pairs), outputs)."""
        prompted = [(self._input.prompt + first, second) for first, second in pairs]
        if self._packed:
            firsts, seconds = (each_text(self._packed.tokenizer.encode, texts) for texts in zip(*prompted, strict=True))
            return self._packed.run_pairs(self._shortened(self._packed, firsts, seconds))
        assert self._standard is not None
        if self._input.template is not None:  # it cuts the second text alone
            prompted = self._standard.with_queries_cut(prompted, self._input.query_limit)
        return self._standard.outputs(prompted)

    def is_cut(self, pairs: Sequence[Pair]) -> list[bool]:
        """Tell for each pair whether it is too long, and a text of it is cut."""
        prompted = [(self._input.prompt + first, second) for first, second in pairs]
        if self._packed:
            firsts, seconds = (self._packed.tokenizer.count(texts) for texts in zip(*prompted, strict=True))
            room = self.max_length - self._input.special_tokens
            return [first + second > room for first, second in zip(firsts, seconds, strict=True)]
        assert self._standard is not None
        longest = self.max_length if self._input.template is None else self._input.query_limit
        sizes = self._standard.sizes(prompted)
        return [size.tokens > self.max_length or size.query_tokens > longest for size in sizes]

    def _shortened(
        self, packed: "PackedModel", firsts: Sequence[TokenIds], seconds: Sequence[TokenIds]
    ) -> list[tuple[TokenIds, TokenIds]]:
        shorten = packed.tokenizer.shortened
        return [shorten(*ids, max_length=self.max_length) for ids in zip(firsts, seconds, strict=True)]


class CosinePairs:
    """The cosine of the vectors of two texts. Each text is cut to the limit of the encoder."""

    outputs, is_cosine = 1, True

    def __init__(self, folder: Path, *, device: str | None, dtype: Dtype, max_length: int | None) -> None:
        from ...inference.packed import packed_embedder

        loaded: Any = load_encoder(folder, device=device)
        # The prompt that sentence-transformers puts before texts of no special kind.
        self._prompt: str = loaded.prompts.get(loaded.default_prompt_name) or ""
        least = int(loaded.tokenizer.num_special_tokens_to_add(pair=False)) + 1
        self.max_length = token_limit(loaded[0], max_length, least=least, own=own_limit(loaded[0]))
        self._room = self.max_length - least + 1
        self._packed = packed_embedder(loaded, dtype=dtype, max_length=self.max_length)
        self.runs_packed = self._packed is not None
        self._model = None if self._packed else cast_model(loaded, dtype)
        # One of its own for counting: its state changes while it works, and threads may share this model.
        self._counting, self._counter = threading.Lock(), None if self._packed else copy.deepcopy(loaded.tokenizer)

    def run(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Compute the cosines, float32 of shape (len(pairs), 1)."""
        places = {text: row for row, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
        vectors = self._vectors([self._prompt + text for text in places])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        units = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        firsts, seconds = (units[[places[text] for text in texts]] for texts in zip(*pairs, strict=True))
        return np.einsum("ij,ij->i", firsts, seconds).astype(np.float32)[:, None]

    def is_cut(self, pairs: Sequence[Pair]) -> list[bool]:
        """Tell for each pair whether a text of it is too long, and is cut."""
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        counts = self._counts([self._prompt + text for text in texts])
        is_long = {text: count > self._room for text, count in zip(texts, counts, strict=True)}
        return [any(is_long[text] for text in pair) for pair in pairs]

    def _counts(self, texts: Sequence[str]) -> list[int]:
        if self._packed:
            return self._packed.tokenizer.count(texts)
        assert self._counter is not None
        with self._counting:
            encoded = self._counter(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._packed:
            return self._packed.run(self._packed.tokenizer.encode(texts))
        assert self._model is not None
        return np.asarray(self._model.encode(texts, prompt="", show_progress_bar=False), np.float32)
