"""Exit heads for a reranker from queries of one's own: what they learn from, and where they are put. Knows no loss."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import ArgumentError
from ...index import passage_text
from ...inference import resolve_model
from ...retrieval import Retriever
from ..search import query_slices

DEPTH = 100
"""Candidates of a query among which those that an exit learns from are drawn: so many are read by default."""
EXIT_PASSAGES = 24


def exit_lists(
    retriever: Retriever, queries: Sequence[str], *, passages: int = EXIT_PASSAGES, depth: int = DEPTH, seed: int = 0
) -> list[tuple[str, list[str]]]:
    """Each query with some of its candidates, drawn evenly from the first ``depth``, as their readers are given them.

    Queries for which there are less than two candidates are left out.
    """
    if not 2 <= passages <= depth:
        raise ArgumentError(f"passages must be from 2 to the depth of {depth}, not {passages}")
    chance = np.random.default_rng(seed)
    lists: list[tuple[str, list[str]]] = []
    for some in query_slices(queries):
        for query, hits in zip(some, retriever.retrieve(some, depth), strict=True):
            if len(hits) < 2:
                continue
            drawn: list[int] = sorted(chance.choice(len(hits), min(passages, len(hits)), replace=False).tolist())
            lists.append((query, [passage_text(hits[i].document.title, hits[i].passage.text) for i in drawn]))
    return lists


def prepare_output_folder(model: str, output: Path | None) -> Path:
    """The folder of the model that heads are written beside: its own, or ``output``, to which it is copied.

    Raises ``ArgumentError`` where there is no such folder, or it is not the caller's.
    """
    folder = resolve_model(model)
    if output is None:
        if not Path(model).is_dir():
            raise ArgumentError(
                f"{model!r} is shared by all programs here: give a folder for a copy with exits, -o FOLDER"
            )
        return folder
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ArgumentError(f"{output} exists and is not an empty folder: name another one, or train in it without -o")
    shutil.copytree(folder, output, dirs_exist_ok=True)
    return output
