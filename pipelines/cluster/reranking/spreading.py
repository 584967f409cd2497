"""Cuts the pairs of a call into pieces of about equally many tokens."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ....rerank import Pair, TokenPair

LEAST_TOKENS = 256
"""A piece has at least about so many: to send it takes a millisecond or two."""
MOST_TOKENS = 16_384
"""A piece has at most about so many, so that a worker that is fast, or comes late, has its share of a long call."""
BYTES_OF_A_TOKEN = 4


def about_tokens(text: str) -> int:
    """Return about how many tokens a text has; bytes say it for all scripts."""
    return 1 + len(text.encode("utf-8", "replace")) // BYTES_OF_A_TOKEN


def tokens_of_texts(pairs: Sequence[Pair], most: int) -> NDArray[np.int64]:
    """Return about how many tokens a model reads of each pair of texts, int64 of shape (len(pairs),)."""
    sizes = [about_tokens(query) + about_tokens(passage) for query, passage in pairs]
    return np.minimum(np.array(sizes, np.int64), most)


def tokens_of_ids(pairs: Sequence[TokenPair], most: int) -> NDArray[np.int64]:
    """The same for pairs whose passages are token ids."""
    return np.minimum(np.array([about_tokens(query) + len(ids) for query, ids in pairs], np.int64), most)


def spread(tokens: NDArray[np.int64], workers: int) -> list[slice]:
    """Cut pairs, in their order, into pieces whose tokens differ by less than two pairs have.

    Pairs of one query stay side by side, because models read a query once for several passages where they can.

    Args:
        tokens: Of each pair, int64 of shape (pairs,), all positive.
        workers: How many there are.

    Returns:
        The pairs of each piece; no piece is empty.
    """
    if not len(tokens):
        return []
    ends = np.cumsum(tokens)
    total = int(ends[-1])
    pieces = max(min(workers, total // LEAST_TOKENS), -(-total // MOST_TOKENS), 1)
    # A pair belongs to the piece in which its middle is.
    numbers = ((2 * ends - tokens) * pieces) // (2 * total)
    starts = [0, *(1 + np.flatnonzero(np.diff(numbers))).tolist(), len(tokens)]
    return [slice(start, end) for start, end in pairwise(starts)]
