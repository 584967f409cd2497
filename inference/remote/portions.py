"""Divides texts into requests."""

from collections.abc import Iterator, Sequence

MOST_BYTES = 1_000_000
"""Servers refuse bodies beyond some limit, often of 2 MB."""


def portions(texts: Sequence[str], most: int) -> Iterator[slice]:
    """Divide texts into requests of at most ``most`` texts and about ``MOST_BYTES``, of at least one text each."""
    begin, size = 0, 0
    for position, text in enumerate(texts):
        added = len(text.encode())
        if position > begin and (position - begin >= most or size + added > MOST_BYTES):
            yield slice(begin, position)
            begin, size = position, 0
        size += added
    if begin < len(texts):
        yield slice(begin, len(texts))
