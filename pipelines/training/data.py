"""Reads training data: documents and judged queries of a BEIR folder, or of a file of pairs or triples."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ...errors import ArgumentError, TrainingError
from ...index import Document, read_documents
from ..evaluation import MAX_GRADE, Judged, read_judged
from ..lines import text_lines

PAIR_FILES = (".jsonl", ".tsv")
_KEYS = "query and passage, with a label or none, or query, positive and negative"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Documents, judged queries for training, and judged queries held out for evaluation.

    ``documents`` can be iterated several times.
    """

    name: str
    documents: Iterable[Document]
    training: Judged
    held_out: Judged


def read_training_data(
    source: str | Path,
    *,
    split: str = "train",
    dev_split: str | None = None,
    held_out: float = 0.1,
    limit: int | None = None,
    seed: int = 0,
) -> TrainingData:
    """Read a BEIR folder, or a JSONL or TSV file of pairs, labelled pairs or triples.

    A JSON line has the strings ``query`` and ``passage``, with a whole number ``label`` or none, or the strings
    ``query``, ``positive`` and ``negative``. A TSV file may begin with a line of these names; else its two columns are
    query and passage, or its three columns query, positive and negative.

    Args:
        source: The folder or file.
        split: The judgments of a BEIR folder to train on.
        dev_split: The judgments of a BEIR folder for evaluation; None holds out a share of ``split``.
        held_out: That share, from 0 to below 1.
        limit: Maximum number of training queries.
        seed: Random seed.

    Raises:
        ArgumentError: An argument is out of its range, or there is nothing to learn.
        EvaluationError: The judgments cannot be read; it names file and line.
        TrainingError: The pairs cannot be read; it names file and line.
    """
    path = Path(source)
    if not 0 <= held_out < 1:
        raise ArgumentError(f"held_out is a share of the queries, from 0 to below 1, not {held_out!r}")
    if path.is_dir():
        judged, documents = read_judged(path, split=split), cast("Iterable[Document]", read_documents(path))
    elif path.suffix in PAIR_FILES:
        if dev_split is not None:
            raise ArgumentError(f"{path} has no splits: leave dev_split out, or name a BEIR folder")
        judged, documents = _read_pairs(path)
    else:
        raise ArgumentError(f"no training data at {path}: name a BEIR folder, or a file {' or '.join(PAIR_FILES)}")
    ids = sorted(judged.judged_ids)
    if not ids:
        raise ArgumentError(f"{path} judges no document relevant for any query: there is nothing to learn from")
    random.Random(seed).shuffle(ids)
    kept_out = min(len(ids) - 1, max(1, round(held_out * len(ids)))) if held_out and dev_split is None else 0
    dev = judged.only(ids[:kept_out])
    if dev_split is not None:
        measured = read_judged(path, split=dev_split)
        dev = measured.only(measured.judged_ids)
        ids = [query_id for query_id in ids if query_id not in dev.queries]
    training = judged.only(ids[kept_out:][:limit])
    if not training.queries:
        raise ArgumentError(f"no query is left to train on: {dev_split!r} has all of {split!r}")
    return TrainingData(judged.name, documents, training, dev)


def relevant_texts(data: TrainingData) -> dict[str, str]:
    """Return the passages of judged documents by id; raise ``ArgumentError`` if a query has no relevant one."""
    qrels = [*data.training.qrels.items(), *data.held_out.qrels.items()]
    judged_ids = {document_id for _, grades in qrels for document_id in grades}
    texts = {document.id: document.passage for document in data.documents if document.id in judged_ids}
    for query_id, grades in qrels:
        relevant = [document_id for document_id, grade in grades.items() if grade > 0]
        if not any(document_id in texts for document_id in relevant):
            raise ArgumentError(
                f"query {query_id!r} has no relevant document in {data.name}: {relevant[0]!r} is not there; "
                "remove its judgments, or add the document"
            )
    return texts


def _read_pairs(path: Path) -> tuple[Judged, list[Document]]:
    """Queries and passages are numbered in the order of their first occurrence."""
    queries: dict[str, str] = {}
    passages: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    lines: dict[tuple[str, str], int] = {}
    for number, query, passage, grade in _judgments(path):
        query_id = queries.setdefault(query, f"q{len(queries) + 1}")
        passage_id = passages.setdefault(passage, f"p{len(passages) + 1}")
        grades = qrels.setdefault(query_id, {})
        if grades.setdefault(passage_id, grade) != grade:
            reason = f"judges a passage as {grade} for {query[:60]!r}, and line {lines[query, passage]} as "
            raise TrainingError(f"{reason}{grades[passage_id]}; keep one", source=str(path), line=number)
        lines.setdefault((query, passage), number)
    if not queries:
        raise TrainingError("holds nothing to train on", source=str(path))
    judged = Judged(path.stem, {query_id: query for query, query_id in queries.items()}, qrels)
    return judged, [Document(passage_id, passage) for passage, passage_id in passages.items()]


def _judgments(path: Path) -> Iterator[tuple[int, str, str, int]]:
    """Yield line number, query, passage and grade."""
    rows = _json_rows(path) if path.suffix == ".jsonl" else _tsv_rows(path)
    for number, row in rows:
        query = _text(row, "query", path, number)
        names = set(row)
        if names == {"query", "positive", "negative"}:
            yield number, query, _text(row, "positive", path, number), 1
            yield number, query, _text(row, "negative", path, number), 0
        elif names in ({"query", "passage"}, {"query", "passage", "label"}):
            yield number, query, _text(row, "passage", path, number), _label(row, path, number)
        else:
            raise TrainingError(f"has {', '.join(row)} in place of {_KEYS}", source=str(path), line=number)


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in text_lines(path):
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TrainingError(f"not JSON: {error}", source=str(path), line=number) from None
        if not isinstance(row, dict):
            raise TrainingError(f"no object with {_KEYS}", source=str(path), line=number)
        yield number, cast("dict[str, object]", row)


def _tsv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    names: list[str] = []
    for number, line in text_lines(path):
        fields = line.split("\t")
        if not names:
            names = fields if fields[0] == "query" else ["query", "passage"]
            if fields[0] == "query":
                continue
            if len(fields) == 3:
                names = ["query", "positive", "negative"]
        if len(fields) != len(names):
            reason = f"has {len(fields)} columns in place of {len(names)}, between tabs: {', '.join(names)}"
            raise TrainingError(reason, source=str(path), line=number)
        yield number, dict(zip(names, fields, strict=True))


def _text(row: Mapping[str, object], name: str, path: Path, line: int) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        what = "is empty" if isinstance(value, str) else "is missing" if value is None else f"is no text: {value!r:.60}"
        raise TrainingError(f"the {name} {what}", source=str(path), line=line)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise TrainingError(f"the {name} has a lone surrogate, and is no text", source=str(path), line=line)
    return value


def _label(row: Mapping[str, object], path: Path, line: int) -> int:
    value = row.get("label", 1)
    try:
        grade = int(cast("str", value)) if isinstance(value, str | int) else None
    except ValueError:
        grade = None
    if grade is None or isinstance(value, bool) or abs(grade) > MAX_GRADE:
        raise TrainingError(f"the label {value!r} is no grade, a whole number", source=str(path), line=line)
    return grade
