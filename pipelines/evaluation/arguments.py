"""Checks of what callers give to be measured: judgments, runs, measures and paths."""

import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, cast

from ...errors import ArgumentError
from ...errors.arguments import checked_mapping, described


def checked_file(path: object, name: str = "path") -> Path:
    """Return the path of a file that is read, whose name may be any bytes.

    Raises:
        ArgumentError: It is not a path.
    """
    text = os.fspath(cast("os.PathLike[str]", path)) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ArgumentError(f"{name} must be the path of a file, as text or as a Path, not {described(path)}")
    return Path(text)


def checked_qrels(qrels: object) -> Mapping[str, Mapping[str, int]]:
    """Return judgments.

    Raises:
        ArgumentError: They are not grades by query id and document id.
    """
    of = "grades by query id and document id"
    for query_id, grades in checked_mapping(qrels, "qrels", of).items():
        for document_id, grade in checked_mapping(grades, f"qrels[{query_id!r:.40}]", "grades by document id").items():
            if isinstance(grade, bool) or not isinstance(grade, Integral):
                raise ArgumentError(
                    f"the grade of document {document_id!r:.40} for query {query_id!r:.40} must be a whole number, "
                    f"not {described(grade)}"
                )
    return cast("Mapping[str, Mapping[str, int]]", qrels)


def checked_run(run: object, name: str = "run") -> Mapping[str, Sequence[tuple[str, float]]]:
    """Return a run.

    Raises:
        ArgumentError: It is not a mapping of lists of document ids and scores by query id.
    """
    for query_id, results in checked_mapping(run, name, "results by query id").items():
        rows: Any = results
        if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
            raise ArgumentError(f"{name} must have a list of results for query {query_id!r:.40}, not {described(rows)}")
        for result in cast("Sequence[Any]", rows):
            if not isinstance(result, tuple | list) or [*map(_kind, cast("Sequence[Any]", result))] != ["id", "score"]:
                raise ArgumentError(
                    f"{name} must have (document id, score) for query {query_id!r:.40}, not {described(result)}"
                )
    return cast("Mapping[str, Sequence[tuple[str, float]]]", run)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return ""
    return "id" if isinstance(value, str) else "score" if isinstance(value, Real) else ""


def checked_runs(runs: object) -> Mapping[str, Mapping[str, Sequence[tuple[str, float]]]]:
    """Return runs by name.

    Raises:
        ArgumentError: They are none.
    """
    by_name = checked_mapping(runs, "runs", "runs by name")
    return {name: checked_run(run, f"the run {name!r:.40}") for name, run in by_name.items()}
