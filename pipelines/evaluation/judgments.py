"""Reads judged queries, their texts and grades, from BEIR folders, TREC files and ir_datasets."""

import importlib
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ...errors import ArgumentError, EvaluationError
from ...errors.arguments import checked_instance, checked_mapping
from ..lines import text_lines
from .arguments import checked_file
from .grades import MAX_GRADE, whole_grade
from .names import DOCUMENT_NAMES, GRADE_NAMES, QUERY_NAMES, is_header
from .topics import read_topics

IR_DATASETS = "ir_datasets:"
logger = logging.getLogger("bicross")

Qrels = Mapping[str, Mapping[str, int]]
"""Grades by query id and document id; from 1 a document is relevant, and higher is better."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries with relevance judgments; made by ``read_judged``.

    Attributes:
        name: The name of the collection.
        queries: Texts by id, also of queries without judgments.
        qrels: Grades by query id and document id.
    """

    name: str
    queries: Mapping[str, str]
    qrels: Qrels

    @property
    def judged_ids(self) -> tuple[str, ...]:
        """Return the ids of queries with a relevant document, in the order of the judgments."""
        return tuple(query_id for query_id, grades in self.qrels.items() if max(grades.values(), default=0) > 0)

    def only(self, ids: Iterable[str]) -> "Judged":
        """Return these queries alone, in this order, with their judgments."""
        chosen = list(ids)
        queries = {query_id: self.queries[query_id] for query_id in chosen}
        return Judged(self.name, queries, {query_id: self.qrels[query_id] for query_id in chosen})

    def first(self, number: int) -> "Judged":
        """Return the first ``number`` queries that have judgments; the other judged queries are left out."""
        qrels = dict(islice(self.qrels.items(), number))
        queries = {id_: text for id_, text in self.queries.items() if id_ in qrels or id_ not in self.qrels}
        return Judged(self.name, queries, qrels)


def read_judged(
    source: str | Path | None = None,
    *,
    split: str = "test",
    topics: str | Path | None = None,
    qrels: str | Path | None = None,
) -> Judged:
    """Read queries and judgments.

    Args:
        source: A BEIR folder, with ``queries.jsonl`` and ``qrels/SPLIT.tsv``, or ``ir_datasets:ID``.
        split: The name of the file of judgments in the folder.
        topics: A file that replaces the folder's queries, in a format of ``read_topics``.
        qrels: A file that replaces the folder's judgments, in a format of ``read_qrels``.

    Raises:
        EvaluationError: A file cannot be used, or a judged query has no text; the message names file and line.
    """
    if isinstance(source, str) and source.startswith(IR_DATASETS):
        if topics is not None or qrels is not None:
            raise ArgumentError(f"{source} brings its own topics and qrels: name either it or the files")
        return _from_ir_datasets(source.removeprefix(IR_DATASETS))
    source, topics, qrels = (
        None if path is None else checked_file(path, name)
        for path, name in ((source, "source"), (topics, "topics"), (qrels, "qrels"))
    )
    checked_instance(split, str, "split")
    if source is None and (topics is None or qrels is None):
        raise ArgumentError("name a BEIR folder, or topics and qrels")
    if source is not None and topics is not None and qrels is not None:
        raise ArgumentError(f"topics and qrels leave nothing to read in {source}: name either it or the files")
    folder = Path() if source is None else source
    if source is not None and not os.path.isdir(folder):  # noqa: PTH112 - for ``Path`` a name that is too long is an ``OSError``
        raise EvaluationError(f"no such folder: {folder}; name a BEIR folder, ir_datasets:ID, or topics and qrels")
    grades = _split_file(folder, split) if qrels is None else qrels
    texts = read_topics(folder / "queries.jsonl" if topics is None else topics)
    name = grades.stem if source is None else folder.resolve().name
    return Judged(name, texts, read_qrels(grades, queries=texts))


def read_qrels(path: str | Path, *, queries: Mapping[str, str] | None = None) -> dict[str, dict[str, int]]:
    """Read grades by query id and document id, in the order of the file.

    Lines are those of TREC (query, iteration, document, grade; separated by white space) or of BEIR (query, document,
    grade; separated by tabs), with or without a header, also as gzip. A judgment that is there several times, alike,
    counts once, and how many are is logged.

    Args:
        path: The file.
        queries: Texts by id, in which each judged query must have one; None does not check.

    Raises:
        EvaluationError: The file cannot be used; the message names file and line.
    """
    path, source = checked_file(path), str(path)
    if queries is not None:
        checked_mapping(queries, "queries", "texts by query id")
    qrels: dict[str, dict[str, int]] = {}
    first_lines: dict[tuple[str, str], int] = {}
    repeated: list[int] = []
    beir: bool | None = None
    for number, line in text_lines(path):
        if beir is None:
            beir = line.count("\t") == 2
            if _is_header(line.split("\t") if beir else line.split()):
                continue
        query_id, document_id, grade = _columns(line, source, number, beir=beir)
        if (first := first_lines.setdefault((query_id, document_id), number)) != number:
            other = qrels[query_id][document_id]
            if other != grade:
                reason = f"judges document {document_id!r} for query {query_id!r} as {grade}, and line {first} as"
                raise EvaluationError(f"{reason} {other}; keep one of the two", source=source, line=number)
            repeated.append(number)
            continue
        if queries is not None and not queries.get(query_id, "").strip():
            lack = "whose text is blank" if query_id in queries else "which has no text"
            raise EvaluationError(f"judges query {query_id!r}, {lack}", source=source, line=number)
        qrels.setdefault(query_id, {})[document_id] = grade
    if not qrels:
        raise EvaluationError("holds no judgments", source=source)
    if repeated:
        logger.warning(
            "%s: repeated judgments count once: %s, the first in line %s", path, f"{len(repeated):,}", repeated[0]
        )
    return qrels


def _is_header(fields: Sequence[str]) -> bool:
    """Whether the first line holds names of columns, of BEIR's or in the order of TREC."""
    return len(fields) in (3, 4) and is_header((fields[0], *fields[-2:]), QUERY_NAMES, DOCUMENT_NAMES, GRADE_NAMES)


def _columns(line: str, source: str, number: int, *, beir: bool) -> tuple[str, str, int]:
    fields = line.split("\t") if beir else line.split()
    if len(fields) != (3 if beir else 4) or not all(fields):
        expected = "3, between tabs: query, document, grade" if beir else "4: query, iteration, document, grade"
        raise EvaluationError(f"has {len(fields)} columns in place of {expected}", source=source, line=number)
    grade = whole_grade(fields[-1])
    if grade is None:
        raise EvaluationError(f"the grade {fields[-1]!r} is not a whole number", source=source, line=number)
    if abs(grade) > MAX_GRADE:
        reason = f"the grade {grade} is beyond what can be measured, {-MAX_GRADE} to {MAX_GRADE}"
        raise EvaluationError(reason, source=source, line=number)
    return fields[0], fields[-2], grade


def _split_file(folder: Path, split: str) -> Path:
    path = folder / "qrels" / f"{split}.tsv"
    if path.is_file():
        return path
    splits = sorted(file.stem for file in (folder / "qrels").glob("*.tsv"))
    if not splits:
        raise EvaluationError(f"{folder} is not a BEIR folder: it has no qrels/*.tsv")
    raise EvaluationError(f"{folder} has no split {split!r}; it has {', '.join(splits)}")


def _from_ir_datasets(name: str) -> Judged:
    try:
        library: Any = importlib.import_module("ir_datasets")
    except ImportError as error:
        raise EvaluationError(f"{IR_DATASETS}{name} needs the package ir_datasets: pip install ir_datasets") from error
    try:
        dataset = library.load(name)
        queries = {str(query.query_id): str(query.default_text()) for query in dataset.queries_iter()}
        qrels: dict[str, dict[str, int]] = {}
        for qrel in dataset.qrels_iter():
            grades = qrels.setdefault(str(qrel.query_id), {})
            if grades.setdefault(str(qrel.doc_id), int(qrel.relevance)) != int(qrel.relevance):
                judged = f"document {qrel.doc_id!r} for query {qrel.query_id!r}"
                raise EvaluationError(f"{IR_DATASETS}{name} judges {judged} twice, and not alike")
    except (AttributeError, KeyError, OSError, RuntimeError) as error:
        reason = f"{IR_DATASETS}{name} cannot be read: {type(error).__name__}: {error}"
        raise EvaluationError(f"{reason}; it takes an id that has queries and qrels, and a network") from error
    if missing := [query_id for query_id in qrels if not queries.get(query_id, "").strip()]:
        raise EvaluationError(f"{IR_DATASETS}{name} judges query {missing[0]!r}, which has no text")
    if not qrels:
        raise EvaluationError(f"{IR_DATASETS}{name} holds no judgments")
    return Judged(name, queries, qrels)
