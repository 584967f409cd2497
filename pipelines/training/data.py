"""Reads training data: documents and judged queries of a BEIR folder, or of a file of pairs or triples."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ...errors import ArgumentError, TrainingError
from ...index import Document, read_documents
from ..evaluation import Judged, read_judged
from ..lines import without_gz
from .pair_files import PAIR_FILES, is_pair_file, pair_judgments


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
    """Read a BEIR folder, or a JSONL, JSON, TSV or CSV file of pairs, labelled pairs or triples, also as gzip.

    A row has ``query`` (or ``anchor``) and ``passage``, with a whole number ``label`` or none, or ``query`` and
    ``positive`` (or ``pos``), with or without ``negative`` (or ``neg``, or ``negative_1`` and so on). ``pos`` and
    ``neg`` may be lists. Other columns are not read, which is logged. A TSV or CSV file may begin with a line of these
    names; else its first two columns are query and passage, and a third one is a label if it holds whole numbers, or a
    negative if it holds texts.

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
    elif is_pair_file(path):
        if dev_split is not None:
            raise ArgumentError(f"{path} has no splits: leave dev_split out, or name a BEIR folder")
        judged, documents = _read_pairs(path)
    else:
        raise ArgumentError(
            f"no training data at {path}: name a BEIR folder, or a file {', '.join(PAIR_FILES)}, also with .gz"
        )
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
    for judgment in pair_judgments(path):
        query, passage, grade = judgment.query, judgment.passage, judgment.grade
        query_id = queries.setdefault(query, f"q{len(queries) + 1}")
        passage_id = passages.setdefault(passage, f"p{len(passages) + 1}")
        grades = qrels.setdefault(query_id, {})
        if grades.setdefault(passage_id, grade) != grade:
            reason = f"judges a passage as {grade} for {query[:60]!r}, and line {lines[query, passage]} as "
            raise TrainingError(f"{reason}{grades[passage_id]}; keep one", source=str(path), line=judgment.line)
        lines.setdefault((query, passage), judgment.line)
    if not queries:
        raise TrainingError("holds nothing to train on", source=str(path))
    judged = Judged(without_gz(path).stem, {query_id: query for query, query_id in queries.items()}, qrels)
    return judged, [Document(passage_id, passage) for passage, passage_id in passages.items()]
