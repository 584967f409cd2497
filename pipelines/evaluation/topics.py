"""Reads the texts of queries by id from JSON Lines, tab-separated lines, and TREC's topics and XML."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ...errors import EvaluationError
from ..lines import json_value, text_lines, without_gz
from .names import QUERY_NAMES, QUERY_TEXT_NAMES, is_header
from .xml_topics import XML_BEGINNING, Topic, xml_topics

_TAG = re.compile(r"<(/?)(\w+)>")
_LABELS = {"num": re.compile(r"^\s*Number:\s*"), "title": re.compile(r"^\s*Topic:\s*")}
_ID_KEYS = ("_id", "id", "query_id", "qid")
_TEXT_KEYS = ("text", "query")


def read_topics(path: Path) -> dict[str, str]:
    """Read the texts of queries by id, in the order of the file.

    Args:
        path: A file ``*.jsonl`` with ``_id`` (or ``id``, ``query_id``, ``qid``) and ``text`` (or ``query``); a file in
            TREC's ``<top>`` format, or XML with elements ``topic`` or ``top``; or TSV with id and text, with or
            without a header. Each also as gzip.

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
            raise EvaluationError(f"the query id {query_id!r} is not text", source=str(path), line=number)
        queries[query_id] = text
    return queries


def _topics(path: Path) -> Iterator[Topic]:
    if without_gz(path).suffix == ".jsonl":
        return _json_lines(path)
    first = next(text_lines(path), (1, ""))[1].lstrip()
    if first.startswith("<top>"):
        return _trec(path)
    return xml_topics(path) if XML_BEGINNING.match(first) else _tsv(path)


def has_ids(path: Path) -> bool:
    """Whether a file holds topics, and not one query a line."""
    first = next(text_lines(path), (1, ""))[1].lstrip()
    return (
        without_gz(path).suffix in (".jsonl", ".tsv") or first.startswith("<top>") or bool(XML_BEGINNING.match(first))
    )


def _json_lines(path: Path) -> Iterator[Topic]:
    for number, line in text_lines(path):
        try:
            row = json_value(line)
        except ValueError as error:
            raise EvaluationError(str(error), source=str(path), line=number) from None
        fields = cast("dict[str, object]", row) if isinstance(row, dict) else {}
        query_id, text = _first_of(_ID_KEYS, fields), _first_of(_TEXT_KEYS, fields)
        if isinstance(query_id, int) and not isinstance(query_id, bool):
            query_id = str(query_id)
        if not isinstance(query_id, str) or not isinstance(text, str):
            reason = "not a query, which is an object with the strings _id and text"
            raise EvaluationError(reason, source=str(path), line=number)
        yield number, query_id, text


def _first_of(keys: tuple[str, ...], fields: dict[str, object]) -> object:
    return next((fields[key] for key in keys if key in fields), None)


def _tsv(path: Path) -> Iterator[Topic]:
    for index, (number, line) in enumerate(text_lines(path)):
        fields = line.split("\t")
        if index == 0 and is_header(fields, QUERY_NAMES, QUERY_TEXT_NAMES):
            continue
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
