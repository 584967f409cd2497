"""Reads and writes runs, the results of a system for each query, as TREC run files."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import ArgumentError, EvaluationError
from ...errors.arguments import checked_instance, checked_path, lone_surrogate
from ...inference import whole_file
from ..lines import text_lines
from .arguments import checked_file, checked_run

Run = Mapping[str, Sequence[tuple[str, float]]]
"""Results by query id, best first: document id and score. Only the order counts, not the score."""

_LARGEST = float(np.finfo(np.float32).max)


def read_run(path: str | Path) -> dict[str, list[tuple[str, float]]]:
    """Read a run from a file of lines ``query Q0 document rank score tag``.

    Documents are ordered as in trec_eval: by score, in 32 bits, and with equal scores by document id, the last one
    first. The rank in the file is ignored.

    Raises:
        EvaluationError: A score is not a finite number, a document comes twice for a query, or the number of columns is
            wrong; the message names file and line.
    """
    path, source = checked_file(path), str(path)
    by_query: dict[str, dict[str, float]] = {}
    for number, line in text_lines(path):
        fields = line.split()
        if len(fields) != 6:
            reason = f"has {len(fields)} columns in place of 6: query, Q0, document, rank, score, tag"
            raise EvaluationError(reason, source=source, line=number)
        query_id, document_id = fields[0], fields[2]
        documents = by_query.setdefault(query_id, {})
        if document_id in documents:
            reason = f"has document {document_id!r} for query {query_id!r} again"
            raise EvaluationError(reason, source=source, line=number)
        documents[document_id] = _score(fields[4], source, number)
    if not by_query:
        raise EvaluationError("holds no results", source=source)
    return {
        query_id: sorted(documents.items(), key=_trec_order, reverse=True) for query_id, documents in by_query.items()
    }


def write_run(path: str | Path, run: Run, *, tag: str = "bicross") -> None:
    """Write a run so that sorting it by score gives its order, however ties are broken.

    Scores are written in 32 bits, in which trec_eval reads them. A score that is not below the one before it is lowered
    to the next number that is. The file is written atomically.

    Args:
        path: The file.
        run: The ranking.
        tag: The name of the system, in the last column.

    Raises:
        ArgumentError: An id has white space, which the format cannot hold, or a score is not a finite number.
    """
    lines: list[str] = []
    target = checked_path(path)
    if target.is_dir():
        raise ArgumentError(f"{target} is a folder; name the file to write, such as {target / 'run.txt'}")
    _check_id("tag", tag)
    for query_id, documents in checked_run(run).items():
        _check_id("query id", query_id)
        if len({document_id for document_id, _ in documents}) < len(documents):
            raise ArgumentError(f"the run has a document twice for query {query_id!r}")
        scores = _falling([score for _, score in documents], query_id)
        for rank, ((document_id, _), score) in enumerate(zip(documents, scores, strict=True), start=1):
            _check_id("document id", document_id)
            lines.append(f"{query_id} Q0 {document_id} {rank} {score!s} {tag}\n")
    with whole_file(target) as file:
        file.write("".join(lines).encode())


def require_run_ids(query_ids: Iterable[str], document_ids: Iterable[str]) -> None:
    """Check that a run can be written, before the queries are searched.

    Args:
        query_ids: The ids of the queries.
        document_ids: The ids of all documents that they may find.

    Raises:
        ArgumentError: An id is empty or has white space, or is not valid Unicode.
    """
    for kind, ids in (("query id", query_ids), ("document id", document_ids)):
        for id_ in ids:
            _check_id(kind, id_)


def _trec_order(result: tuple[str, float]) -> tuple[float, str]:
    return float(np.float32(result[1])), result[0]


def _score(field: str, source: str, number: int) -> float:
    try:
        score = float(field)
    except ValueError:
        score = math.nan
    if not abs(score) <= _LARGEST:
        raise EvaluationError(f"the score {field!r} is not a finite number of 32 bits", source=source, line=number)
    return score


def _falling(scores: Sequence[float], query_id: str) -> list[np.float32]:
    """Return the scores in 32 bits, each below the one before."""
    falling: list[np.float32] = []
    for score in scores:
        if not abs(score) <= _LARGEST:
            raise ArgumentError(f"the run has the score {score!r} for query {query_id!r}; it must be a finite number")
        lowered = np.float32(score)
        if falling and lowered >= falling[-1]:
            lowered = np.nextafter(falling[-1], np.float32(-np.inf))
        falling.append(lowered)
    return falling


def _check_id(kind: str, text: str) -> None:
    if lone_surrogate(checked_instance(text, str, kind)):
        raise ArgumentError(f"the {kind} {text!r} is not valid Unicode, which a file cannot hold")
    if text.split() != [text]:
        raise ArgumentError(f"the {kind} {text!r} is empty or has white space, which a TREC run file cannot hold")
