"""Indexes the terms of passages, so that BM25 can search them."""

from pathlib import Path
from typing import cast

from ....errors import ArgumentError
from ....index import Index
from ....retrieval import ANALYZER, ANALYZERS, Analyzer, analyzer_named, analyzer_of


def index_terms(path: str | Path, *, analyzer: str | None = None) -> bool:
    """Store the terms of all passages of an index for BM25, in one commit. Nothing is embedded.

    Searches may continue meanwhile, and older generations stay as they are.

    Args:
        path: The folder of the index.
        analyzer: The code of a language such as "de", or the name of an analyzer; None keeps the analyzer of the index,
            or takes English if the index stores no terms.

    Returns:
        False if the index already stores the terms of this analyzer.

    Raises:
        ArgumentError: There is no such analyzer.
        IndexLocked: Another process writes.
    """
    index = Index.open(path, verify="size")
    chosen = _kept_or_default(index) if analyzer is None else analyzer_named(analyzer)
    return index.index_terms(chosen.name, chosen)


def analyzer_for_new(lexical: bool | str) -> Analyzer | None:  # noqa: FBT001 - what ``build_index`` is given
    """Return the analyzer of a new index: None for False, English for True, else that of the language or name.

    Raises:
        ArgumentError: It is none of them.
    """
    if isinstance(lexical, str):
        return analyzer_named(lexical)
    unchecked = cast("object", lexical)
    if not isinstance(unchecked, bool):
        raise ArgumentError(
            f"lexical must be True, False or the code of a language such as 'de', not {unchecked!r:.80} "
            f"({type(unchecked).__name__})"
        )
    return Analyzer(ANALYZER) if lexical else None


def analyzer_of_added(index: Index) -> Analyzer | None:
    """Return the analyzer whose terms added documents must have; None if the index stores no terms.

    Raises:
        IndexModelMismatch: This version of bicross does not have the analyzer of the index.
        IndexReadOnly: The index was opened by a URL, and nothing can be added to it.
    """
    index.require_changeable()
    return analyzer_of(index) if index.analyzer else None


def _kept_or_default(index: Index) -> Analyzer:
    """Return the analyzer of the index, or the default one if this version does not have it."""
    return Analyzer(index.analyzer if index.analyzer in ANALYZERS else ANALYZER)
