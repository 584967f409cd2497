"""ContextOptions: how much a context may hold, and how it is put together."""

from dataclasses import dataclass
from typing import TypedDict

from ...errors.arguments import checked_choice, checked_count, checked_number
from .context_selection import ORDERS, Oversized, SpanOrder
from .token_counts import Count

DEFAULT_TOP_K = 5
NEAR_DUPLICATES = 0.95


class ContextValues(TypedDict, total=False):
    """The fields of ``ContextOptions``, as keywords of the calls that make one."""

    budget: int | None
    count: Count | None
    top_k: int | None
    order: SpanOrder
    near_duplicates: float | None
    oversized: Oversized


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """What a context may have, and how it is put together; every value but ``count`` is checked when it is made.

    Attributes:
        budget: The most that the text may take, citations and the lines between passages included. None is no limit.
        count: What the budget counts: "characters"; the tokens of a tokenizer of transformers or tokenizers, or of the
            name, the folder or the file of one; or what a function returns for a text. None is the tokenizer of the
            index's encoder, which differs from that of your language model: give that one for a limit that it keeps.
        top_k: The most passages, before neighbours are merged. None is 5, or with a budget as many as fit.
        order: How the passages stand: "edges" puts the best first and the second best last, and the least relevant into
            the middle, where language models use it least (Liu et al. 2024, "Lost in the Middle", TACL 12, pages
            157-173, figure 5). "relevance" is best first. "document" keeps those of a document together, in its order.
        near_duplicates: A passage is left out where the cosine of its stored vector with that of a better one is at
            least this, from 0 to 1. None leaves out equal texts alone.
        oversized: What becomes of the best passage where it alone is over the budget: an "error", or it is "cut" after
            a sentence, which ``Citation.cut`` says. Others that do not fit are left out, and ``Context.over_budget``
            says how many.

    Raises:
        ArgumentError: A value cannot be.
    """

    budget: int | None = None
    count: Count | None = None
    top_k: int | None = None
    order: SpanOrder = "edges"
    near_duplicates: float | None = NEAR_DUPLICATES
    oversized: Oversized = "error"

    def __post_init__(self) -> None:
        if self.budget is not None:
            checked_count(self.budget, "budget")
        if self.top_k is not None:
            checked_count(self.top_k, "top_k")
        checked_choice(self.order, "order", ORDERS)
        if self.near_duplicates is not None:
            checked_number(self.near_duplicates, "near_duplicates", 0.0, 1.0)
        checked_choice(self.oversized, "oversized", ("error", "cut"))

    @property
    def passages(self) -> int | None:
        """``top_k``, or its default; None is as many as fit."""
        return DEFAULT_TOP_K if self.top_k is self.budget is None else self.top_k
