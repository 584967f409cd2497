"""Reads the texts of queries by id from JSON Lines, tab-separated lines and TREC's topics."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ...errors import EvaluationError
from ..lines import text_lines

_TAG = re.compile(r"<(/?)(\w+)>")
_LABELS = {"num": re.compile(r"^\s*Number:\s*"), "title": re.compile(r"^\s*Topic:\s*")}

Topic = tuple[int, str, str]
"""Line, id and text of a query."""


def read_topics(path: Path) -> dict[str, str]:
    """Read the texts of queries by id, in the order of the file.

    Args:
        path: A file ``*.jsonl`` with ``_id`` and ``text``, a file in TREC's ``<top>`` format, or TSV.

    Raises:
        EvaluationError: The file cannot be used; the message names file and line.
    """
    queries: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, query_id, text in _topics(path):
        if (first := lines.setdefault(query_id, number)) != number:
            reason = f"the query id {query_id!r} stands in line {first} already"
            raise EvaluationError(reason, source=str(path), line=number)
        if not query_id or any("\ud800" <= character <= "\udfff" for character in query_id):
            raise EvaluationError(f"the query id {query_id!r} is no text", source=str(path), line=number)
        queries[query_id] = text
    return queries


def _topics(path: Path) -> Iterator[Topic]:
    if path.suffix == ".jsonl":
        return _json_lines(path)
    first = next(text_lines(path), (1, ""))[1]
    return _trec(path) if first.lstrip().startswith("<top>") else _tsv(path)


def _json_lines(path: Path) -> Iterator[Topic]:
    for number, line in text_lines(path):
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EvaluationError(f"not JSON: {error}", source=str(path), line=number) from None
        fields = cast("dict[str, object]", row) if isinstance(row, dict) else {}
        query_id, text = fields.get("_id"), fields.get("text")
        if isinstance(query_id, int) and not isinstance(query_id, bool):
            query_id = str(query_id)
        if not isinstance(query_id, str) or not isinstance(text, str):
            reason = "not a query, which is an object with the strings _id and text"
            raise EvaluationError(reason, source=str(path), line=number)
        yield number, query_id, text


def _tsv(path: Path) -> Iterator[Topic]:
    for number, line in text_lines(path):
        fields = line.split("\t")
        if len(fields) != 2:
            reason = f"has {len(fields)} columns in place of 2, between tabs: id and text"
            raise EvaluationError(reason, source=str(path), line=number)
        yield number, fields[0].strip(), fields[1]


def _trec(path: Path) -> Iterator[Topic]:
    """Parse ``<top> <num> Number: 301 <title> the query <desc> ... </top>``; only ``top`` needs an end tag."""
    fields: dict[str, list[str]] = {}
    tag, started = "", 0
    for number, line in text_lines(path):
        position = 0
        for match in _TAG.finditer(line):
            fields.setdefault(tag, []).append(line[position : match.start()])
            position = match.end()
            ends, tag = bool(match[1]), match[2]
            if tag == "top":
                if bool(started) != ends:
                    reason = f"a second <top> in the topic of line {started}" if started else "a </top> without <top>"
                    raise EvaluationError(reason, source=str(path), line=number)
                if ends:
                    yield started, _field(fields, "num", path, started), _field(fields, "title", path, started)
                fields, started = {}, 0 if ends else number
            tag = "" if ends else tag
        fields.setdefault(tag, []).append(line[position:])
    if started:
        raise EvaluationError("a topic without </top>", source=str(path), line=started)


def _field(fields: dict[str, list[str]], name: str, path: Path, line: int) -> str:
    if name not in fields:
        raise EvaluationError(f"a topic without <{name}>", source=str(path), line=line)
    return " ".join(_LABELS[name].sub("", " ".join(fields[name])).split())
