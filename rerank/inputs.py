"""How a cross-encoder takes its pairs: a prompt or a chat template, and the limits on the tokens of a pair."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import QueryError
from ..inference import ChatTemplate, own_limit, token_limit
from .reranker import Pair, TokenPair

logger = logging.getLogger("bicross")

MIN_PASSAGE_SHARE = 8
"""A query must leave an eighth of the model's limit to the passage: with less the scores would mean nothing."""


class SizedPair(Protocol):
    """What the limits of a model ask of a pair."""

    @property
    def query_tokens(self) -> int:
        """The number of tokens of the query."""
        ...

    @property
    def tokens(self) -> int:
        """The number of tokens of the whole input, uncut."""
        ...


@dataclass(frozen=True, slots=True)
class PairInput:
    """The input of a cross-encoder.

    Attributes:
        template: The chat template that takes a pair; None where special tokens alone are put around it.
        prompt: The text that is put before each query; empty with a template, which has the prompt in it.
        special_tokens: The number of tokens around the texts of a pair.
        max_length: The most tokens of a whole input.
    """

    template: ChatTemplate | None
    prompt: str
    special_tokens: int
    max_length: int

    @property
    def query_limit(self) -> int:
        """The most tokens of a query, with the prompt."""
        return self.max_length - self.special_tokens - max(1, self.max_length // MIN_PASSAGE_SHARE)

    def too_long(self, tokens: int) -> str:
        """What is wrong with a query of so many tokens, as the end of a sentence."""
        around = f", and {self.special_tokens} of its chat template" if self.template else ""
        return (
            f"has {tokens} tokens; the reranker reads {self.max_length} of query and passage together{around}, so a "
            f"query has at most {self.query_limit}"
        )

    def check(self, pairs: Sequence[Pair] | Sequence[TokenPair], queries: Sequence[int], tokens: Sequence[int]) -> None:
        """Refuse queries that leave no room for a passage; log how many passages are going to be cut.

        Args:
            pairs: The pairs.
            queries: The number of tokens of each query.
            tokens: The number of tokens of each whole input, uncut.

        Raises:
            QueryError: A query is too long.
        """
        for (query, _), length in zip(pairs, queries, strict=True):
            if length > self.query_limit:
                raise QueryError(f"the query {query[:60]!r}... {self.too_long(length)}. Shorten it.")
        cut = sum(length > self.max_length for length in tokens)
        if cut:
            logger.info("%d of %d passages were cut to fit into %d tokens", cut, len(pairs), self.max_length)


def pair_input(model: Any, max_length: int | None) -> PairInput:  # noqa: ANN401 - models share no useful base
    """Describe the input of a model.

    Args:
        model: A CrossEncoder of sentence-transformers.
        max_length: A lower limit that the user asks for, in tokens; None for the limit of the model.

    Raises:
        ArgumentError: ``max_length`` leaves no room for a query and a passage.
        ModelError: The chat template takes no query and passage, or the model reads too few tokens.
    """
    module, name = model[0], model.default_prompt_name
    prompt = "" if name is None else model.prompts.get(name) or ""
    if "message" in module.modality_config:
        template: ChatTemplate | None = ChatTemplate(module, prompt)
        prompt, around = "", template.tokens
    else:
        template, around = None, int(model.tokenizer.num_special_tokens_to_add(pair=True))
    # At least one token of the query and one of the passage.
    limit = token_limit(module, max_length, least=around + 2, own=own_limit(module))
    return PairInput(template, prompt, around, limit)


def with_queries_cut(
    pairs: Sequence[Pair],
    limit: int,
    *,
    ends: Callable[[str], list[int]],
    sizes: Callable[[Sequence[Pair]], Sequence[SizedPair]],
) -> list[Pair]:
    """Cut queries where one of their tokens ends.

    Args:
        pairs: Queries, with the prompt, and passages.
        limit: The most tokens of a query.
        ends: The characters at which the tokens of a text end.
        sizes: Measures pairs.
    """

    def beginning(query: str) -> str:
        kept = ends(query)[:limit]
        while kept and sizes([(query[: kept[-1]], "")])[0].query_tokens > limit:  # in a template it may have more
            kept.pop()
        return query[: kept[-1]] if kept else ""

    queries = list(dict.fromkeys(query for query, _ in pairs))
    measured = zip(queries, sizes([(query, "") for query in queries]), strict=True)
    fitting = {query: query if size.query_tokens <= limit else beginning(query) for query, size in measured}
    return [(fitting[query], passage) for query, passage in pairs]


def token_ends(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401 - tokenizers of transformers share no typed base
    """The characters of a text at which its tokens end."""
    encoded = tokenizer(text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False)
    return [end for _, end in encoded["offset_mapping"]]
