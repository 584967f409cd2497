"""Indexes the terms of passages, so that BM25 can search them."""

from pathlib import Path

from ...index import Index
from ...retrieval import ANALYZER, analyse, require_analyzer


def index_terms(path: str | Path) -> bool:
    """Store the terms of all passages of an index for BM25, in one commit. Nothing is embedded.

    Searches may continue meanwhile, and older generations stay as they are.

    Args:
        path: The folder of the index.

    Returns:
        False if the index already stores the terms of this version's analyzer.

    Raises:
        IndexLocked: Another process writes.
    """
    return Index.open(path, verify="size").index_terms(ANALYZER, analyse)


def keeps_terms(index: Index) -> bool:
    """Whether added documents must have terms; ``IndexModelMismatch`` where they are of another analyzer."""
    require_analyzer(index)
    return bool(index.analyzer)
