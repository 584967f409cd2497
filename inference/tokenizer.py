"""Turns texts into token ids, and token ids into model inputs with special tokens.

A ``TextTokenizer`` owns a copy of its tokenizer, so threads may share it.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ..errors import ArgumentError, ModelError
from ..errors.arguments import described
from .unknown_characters import unknown_share

TokenIds = NDArray[np.uint16] | NDArray[np.uint32]
"""Token ids of one text, without special tokens, shape (tokens,)."""

_PROBES = ("what is it", "a much longer text, with 2 numbers; and (marks)!")


@dataclass(frozen=True, slots=True)
class _Template:
    """The special tokens around one or two texts, and the type id of each of the five parts."""

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    types: tuple[int, int, int, int, int]

    @property
    def length(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


class TextTokenizer:
    """A copy of a fast tokenizer without truncation and padding, with the special tokens of its model.

    Attributes:
        fingerprint: The sha256 of the tokenizer, in hex.
    """

    def __init__(self, serialised: str, *, cut_left: bool = False, has_types: bool = True) -> None:
        """Load a serialised tokenizer.

        Args:
            serialised: The content of ``tokenizer.json``.
            cut_left: Whether texts that are too long lose their first tokens instead of their last ones.
            has_types: Whether the model takes token type ids; without them all type ids are 0.

        Raises:
            ModelError: The tokenizer does not put special tokens around a text, or does more than that.
        """
        settings: dict[str, object] = json.loads(serialised)
        settings["truncation"] = settings["padding"] = None
        canonical = json.dumps(settings, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        self._backend: Any = Tokenizer.from_str(canonical)
        self._cut_left, self._has_types = cut_left, has_types
        self.fingerprint = hashlib.sha256(canonical.encode("ascii")).hexdigest()
        self._single = self._single_template()

    @classmethod
    def of(cls, tokenizer: Any, *, pairs: bool = True) -> "TextTokenizer":  # noqa: ANN401 - they share no typed base
        """Copy a tokenizer of transformers.

        Args:
            tokenizer: The tokenizer.
            pairs: Whether special tokens have to be put around pairs too.

        Raises:
            ModelError: It is one of the slow tokenizers, which are written in Python and have no ``tokenizer.json``, or
                does more with a text, or with a pair, than to put special tokens around.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise ModelError(f"{type(tokenizer).__name__} has no tokenizer.json")
        has_types = "token_type_ids" in tokenizer.model_input_names
        copied = cls._shared(backend.to_str(), tokenizer.truncation_side == "left", has_types)
        if pairs:
            copied.special_tokens(pair=True)  # raises if they cannot
        return copied

    @classmethod
    @lru_cache(maxsize=4)
    def _shared(cls, serialised: str, cut_left: bool, has_types: bool) -> "TextTokenizer":  # noqa: FBT001 - cache keys
        """Encoder and reranker often have the same tokenizer, and to make one takes a tenth of a second."""
        return cls(serialised, cut_left=cut_left, has_types=has_types)

    @cached_property
    def vocabulary_size(self) -> int:
        """The highest token id plus one."""
        ids: dict[str, int] = self._backend.get_vocab(with_added_tokens=True)
        return max(ids.values(), default=-1) + 1  # not the number of ids: there may be gaps

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """Encode texts.

        Args:
            texts: The texts.

        Returns:
            The token ids of each text, uint32 of shape (tokens,), uncut and without special tokens.

        Raises:
            ArgumentError: ``texts`` is not a list of strings, or a string has a lone surrogate.
            ModelError: The tokenizer fails on a text.
        """
        return [np.array(encoding.ids, np.uint32) for encoding in self._encoded(texts)]

    def encode_with_offsets(self, texts: Sequence[str]) -> list[tuple[TokenIds, NDArray[np.int64]]]:
        """Encode texts as ``encode`` does, with the same errors.

        Returns:
            For each text its token ids, and the first character of each with the one after its last, int64 (tokens, 2).
        """
        return [
            (np.array(encoding.ids, np.uint32), np.array(encoding.offsets, np.int64).reshape(-1, 2))
            for encoding in self._encoded(texts, offsets=True)
        ]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without special tokens. Raises the same errors as ``encode``."""
        return [len(encoding) for encoding in self._encoded(texts)]

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of the characters of each text that are unknown tokens or only spelled out, from 0 to 1.

        Characters count, not tokens: a whole paragraph of Thai can be one unknown token. See ``unknown_share``. The
        shares are 0.0 for ASCII, which all vocabularies have.

        Args:
            texts: The texts; of long ones, take the beginning.
        """
        require_texts(texts)
        unknown = self._unknown_id
        if all(text.isascii() for text in texts):
            return [0.0 for _ in texts]
        encodings = self._backend.encode_batch(list(texts), add_special_tokens=False)
        return [unknown_share(text, encoding, unknown) for text, encoding in zip(texts, encodings, strict=True)]

    @cached_property
    def _unknown_id(self) -> int | None:
        model: dict[str, Any] = json.loads(self._backend.to_str())["model"]
        unknown = model.get("unk_token")
        return model.get("unk_id") if unknown is None else self._backend.token_to_id(unknown)

    def _encoded(self, texts: Sequence[str], *, offsets: bool = False) -> list[Any]:
        require_texts(texts)
        encode = self._backend.encode_batch if offsets else self._backend.encode_batch_fast
        try:
            return encode(list(texts), add_special_tokens=False)
        except Exception as error:  # tokenizers raises no other
            raise ModelError(f"the tokenizer cannot read a text: {error}") from error

    def special_tokens(self, *, pair: bool) -> int:
        """The number of special tokens around one text, or around a pair with ``pair``.

        Raises:
            ModelError: The tokenizer does more with a pair than to put special tokens around.
        """
        return (self._pair if pair else self._single).length

    def single(self, ids: TokenIds, *, max_length: int) -> NDArray[np.int32]:
        """Make the model input for one text.

        Args:
            ids: The token ids of the text, shape (tokens,), without special tokens.
            max_length: The most tokens of the input, special tokens included. A longer text is cut.

        Returns:
            Token ids and type ids, int32 of shape (2, tokens), with special tokens.
        """
        return self._assemble(self._single, self._cut(ids, max_length - self._single.length), ids[:0])

    def pair(self, first: TokenIds, second: TokenIds, *, max_length: int) -> NDArray[np.int32]:
        """Make the model input for a pair of texts.

        Args:
            first: The token ids of the first text, shape (tokens,). It is never cut.
            second: The token ids of the second text. It is cut where the pair is too long, to nothing where the first
                text leaves no room.
            max_length: The most tokens of the input, special tokens included.

        Returns:
            Token ids and type ids, int32 of shape (2, tokens), with special tokens.
        """
        return self._assemble(self._pair, first, self._cut(second, max_length - self._pair.length - len(first)))

    def shortened(self, first: TokenIds, second: TokenIds, *, max_length: int) -> tuple[TokenIds, TokenIds]:
        """Cut a pair that is too long as transformers does by default ("longest_first").

        Args:
            first: The token ids of the first text, shape (tokens,).
            second: Those of the second text.
            max_length: The most tokens of the input, special tokens included.

        Returns:
            Both texts. The longer one is cut until both are equally long, then both are.
        """
        room = max(0, max_length - self._pair.length)
        if len(first) + len(second) <= room:
            return first, second
        shorter = min(len(first), len(second), room // 2)
        kept = shorter if len(first) <= len(second) else room - shorter
        return self._cut(first, kept), self._cut(second, room - kept)

    def before_second(self, first: TokenIds) -> int:
        """The number of tokens of a pair with this first text up to its second text."""
        return len(self._pair.before) + len(first) + len(self._pair.between)

    def _cut(self, ids: TokenIds, room: int) -> TokenIds:
        room = max(0, room)
        return ids[len(ids) - room :] if self._cut_left and len(ids) > room else ids[:room]

    def _assemble(self, template: _Template, first: TokenIds, second: TokenIds) -> NDArray[np.int32]:
        parts = (template.before, first, template.between, second, template.after)
        read = np.zeros((2, template.length + len(first) + len(second)), np.int32)
        start = 0
        for part, kind in zip(parts, template.types, strict=True):
            stop = start + len(part)
            read[0, start:stop] = part
            read[1, start:stop] = kind
            start = stop
        return read

    def _single_template(self) -> _Template:
        plain = self._plain(_PROBES[0])
        encoding = self._backend.encode(_PROBES[0])
        before, after = _around(encoding.ids, plain)
        types: list[int] = encoding.type_ids if self._has_types else [0] * len(encoding.ids)
        template = _Template(
            tuple(encoding.ids[:before]), (), tuple(encoding.ids[after:]), (types[0], types[before], 0, 0, types[-1])
        )
        return self._proved(template, (_PROBES[1],))

    @cached_property
    def _pair(self) -> _Template:
        first, second = (self._plain(probe) for probe in _PROBES)
        encoding = self._backend.encode(*_PROBES)
        begin, end = _around(encoding.ids, first)
        middle, last = (position + end for position in _around(encoding.ids[end:], second))
        types: list[int] = encoding.type_ids if self._has_types else [0] * len(encoding.ids)
        template = _Template(
            tuple(encoding.ids[:begin]),
            tuple(encoding.ids[end:middle]),
            tuple(encoding.ids[last:]),
            (types[0], types[begin], types[end], types[middle], types[-1]),
        )
        return self._proved(template, (_PROBES[1], _PROBES[0]))

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self.encode([text])[0].tolist()
        if not ids:
            raise ModelError(f"the tokenizer gives no tokens for {text!r}, so its special tokens cannot be told apart")
        return ids

    def _proved(self, template: _Template, probes: Sequence[str]) -> _Template:
        """Return the template if it gives other texts the same ids and types as the tokenizer itself, else raise."""
        expected = self._backend.encode(*probes)
        ids = [np.array(self._plain(probe), np.uint32) for probe in probes]
        assembled = self._assemble(template, ids[0], ids[1] if len(ids) > 1 else ids[0][:0])
        types: list[int] = expected.type_ids if self._has_types else [0] * len(expected.ids)
        if assembled.tolist() != [expected.ids, types]:
            raise ModelError(f"the tokenizer does more with {probes} than to put special tokens around")
        return template


def require_texts(texts: Sequence[str]) -> None:
    """Check that ``texts`` is a list of strings that a tokenizer can encode.

    Raises:
        ArgumentError: ``texts`` is one text, an item is not a string, or a string has a lone surrogate.
    """
    unchecked: Any = texts
    if isinstance(unchecked, str | bytes):
        raise ArgumentError(f"a list of texts is wanted, not one text; write [{unchecked!r:.80}]")
    if not isinstance(unchecked, Iterable):
        raise ArgumentError(f"a list of texts is wanted, not {described(unchecked)}")
    for number, text in enumerate(cast("Iterable[Any]", unchecked)):
        if not isinstance(text, str):
            raise ArgumentError(f"text {number} must be a string, not {type(text).__name__}: {text!r:.80}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            part = text[max(0, error.start - 30) : error.start + 30]
            raise ArgumentError(f"text {number} has a lone surrogate at character {error.start}: {part!r}") from error


def _around(ids: list[int], part: list[int]) -> tuple[int, int]:
    """The positions at which ``part`` begins and ends in ``ids``."""
    for start in range(len(ids) - len(part) + 1):
        if ids[start : start + len(part)] == part:
            return start, start + len(part)
    raise ModelError("the tokenizer encodes a text differently when special tokens are added")
