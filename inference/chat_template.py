"""Puts pairs into the chat template of a reranker, and cuts the passage inside it.

A tokenizer sees a template with its texts as one text: the last word of a query may share a token with what follows it.
So each pair is tokenised as a whole, and the tokens are assigned to the template, the query or the passage afterwards.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

Ids = NDArray[np.uint32]
_Part = Literal["template", "query", "passage"]
_MARKS: dict[str, _Part] = {"QqQqQ": "query", "DdDdD": "passage"}
"""Texts that mark where a template puts a query and a passage. Letters only, which a template does not escape."""
_PROBE = ("query", "passage")
_NOT_RENDERED = {"restore_suffix", "padding", "truncation", "max_length", "return_tensors"}
"""Settings for templates that concern tokens, not the text."""


@dataclass(frozen=True, slots=True)
class TemplatedPair:
    """The token ids of a pair in its template. Joined, the three parts are the input of the model.

    A token that belongs to two parts is counted to the later one.

    Attributes:
        before: The template up to the passage, usually with the query; pairs of a query usually share it.
        passage: The passage.
        after: The rest of the template.
        query_tokens: How many tokens the query has in ``before`` and ``after``.
    """

    before: Ids
    passage: Ids
    after: Ids
    query_tokens: int

    @property
    def tokens(self) -> int:
        """The number of tokens of the input."""
        return len(self.before) + len(self.passage) + len(self.after)

    def joined(self) -> Ids:
        """The input of the model."""
        return np.concatenate([self.before, self.passage, self.after])


class ChatTemplate:
    """The chat template of a reranker.

    Args:
        module: The first module of a CrossEncoder, whose pairs go through a template.
        prompt: The system prompt; empty for none.

    Raises:
        ModelError: The template has no place for a query and one for a passage.
    """

    def __init__(self, module: Any, prompt: str) -> None:  # noqa: ANN401 - modules share no useful base
        # Not the module itself, which has the weights.
        self.tokenizer, self._processor, self._formatter = module.tokenizer, module.processor, module.input_formatter
        self._prompt = prompt
        settings: dict[str, Any] = module.processing_kwargs.get("chat_template") or {}
        self._settings = {name: value for name, value in settings.items() if name not in _NOT_RENDERED}
        query, passage = _MARKS
        try:
            rendered = self._render((query, passage))
        except Exception as error:  # templates are programs, and raise what they like
            raise ModelError(f"the chat template of this model takes no query and passage: {error}") from error
        self._skeleton = [_part(text) for text in re.split(f"({'|'.join(_MARKS)})", rendered)]
        order = [part for part, _ in self._skeleton]
        if order.count("passage") != 1 or "query" not in order:
            raise ModelError(
                "the chat template of this model has no place for a query and one for a passage (roles 'query' and "
                "'document'); take a reranker that was saved with its template"
            )
        [probe] = self.encode([_PROBE])
        self.tokens = probe.tokens - probe.query_tokens - len(probe.passage)
        """The number of tokens of the template itself."""

    def encode(self, pairs: Sequence[tuple[str, str]]) -> list[TemplatedPair]:
        """Encode pairs of a query and a passage, uncut.

        Raises:
            ModelError: The template changes a text in another way than to strip it.
        """
        parts = [self._parts(pair) for pair in pairs]
        if not parts:
            return []
        encoded = self.tokenizer(
            ["".join(text for _, text in of_pair) for of_pair in parts],
            add_special_tokens=False,
            truncation=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        rows = zip(encoded["input_ids"], encoded["offset_mapping"], parts, strict=True)
        return [_assigned(ids, [end for _, end in offsets], of_pair) for ids, offsets, of_pair in rows]

    def cut(self, pair: tuple[str, str], encoded: TemplatedPair, max_length: int) -> TemplatedPair:
        """Cut the passage of a pair to ``max_length`` tokens of the whole input; the template and the query stay.

        What follows the passage is then as after any other passage, without a token that it shares with the end of this
        one.
        """
        if encoded.tokens <= max_length:
            return encoded
        [other] = self.encode([(pair[0], _PROBE[1])])
        room = max(0, max_length - len(encoded.before) - len(other.after))
        return replace(encoded, passage=encoded.passage[:room], after=other.after)

    def _parts(self, pair: tuple[str, str]) -> list[tuple[_Part, str]]:
        """The rendered template in parts, in order."""
        rendered = self._render(pair)
        for query, passage in (pair, (pair[0].strip(), pair[1].strip())):
            texts: dict[_Part, str] = {"query": query, "passage": passage}
            parts: list[tuple[_Part, str]] = [(part, texts.get(part, text)) for part, text in self._skeleton]
            if "".join(text for _, text in parts) == rendered:
                return parts
        raise ModelError(
            f"the chat template of this model changes the texts that it is given: see {pair[0]!r:.50}, {pair[1]!r:.50}"
        )

    def _render(self, pair: tuple[str, str]) -> str:
        messages: Any = self._formatter.pair_to_messages(pair)
        if self._prompt:
            [messages] = self._formatter.prepend_prompt_to_messages([messages], self._prompt)
        return self._processor.apply_chat_template(messages, tokenize=False, **self._settings)


def _part(text: str) -> tuple[_Part, str]:
    return _MARKS.get(text, "template"), text


def _assigned(ids: Sequence[int], ends: Sequence[int], parts: Sequence[tuple[_Part, str]]) -> TemplatedPair:
    """Assign tokens to the parts in which they end."""
    borders = np.cumsum([len(text) for _, text in parts])
    of_token = np.searchsorted(borders, np.asarray(ends, np.int64), side="left")
    passage_number = next(number for number, (part, _) in enumerate(parts) if part == "passage")
    first, last = np.searchsorted(of_token, [passage_number, passage_number + 1])
    in_query = np.isin(of_token, [number for number, (part, _) in enumerate(parts) if part == "query"])
    whole = np.asarray(ids, np.uint32)
    return TemplatedPair(whole[:first], whole[first:last], whole[last:], int(in_query.sum()))
