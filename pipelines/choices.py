"""The values that search options may have. The module imports nothing slow, so that ``--help`` is fast."""

from typing import Literal

FirstStage = Literal["dense", "lexical", "hybrid"]
"""How candidates are found: by vectors, by BM25, or by both."""

PassageScoring = Literal["best", "first", "max", "mean"]
"""Which logit a document gets: that of its best passage by the first stage, of its first one, or the highest or mean
of its best three."""

LongQueries = Literal["error", "cut", "skip"]
"""What becomes of a query that is too long: an error, a search with its beginning, or an empty list of results."""
