"""How a cross-encoder takes its pairs: a prompt or a chat template, and the limits on the tokens of a pair."""

from dataclasses import dataclass
from typing import Any, Protocol

from ..inference import ChatTemplate, own_limit, token_limit

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
