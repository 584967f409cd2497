"""Indexes the terms of passages, so that BM25 can search them."""

from pathlib import Path

from ...index import Index
from ...retrieval import ANALYZER, analyse, require_analyzer


def index_terms(path: str | Path) -> bool:
    """Let the index at ``path`` keep the terms of its passages, in one commit, so that BM25 can search it.

    Nothing is embedded. False where the index has them already. Readers go on meanwhile, and older generations keep
    what they have.
    """
    return Index.open(path, verify="size").index_terms(ANALYZER, analyse)


def keeps_terms(index: Index) -> bool:
    """Whether what is added has to bring terms; ``IndexModelMismatch`` where nobody here could make them."""
    require_analyzer(index)
    return bool(index.analyzer)
