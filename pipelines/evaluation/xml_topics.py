"""Reads topics that are XML, as those of TREC's web tracks and of TREC-COVID."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from ...errors import EvaluationError
from ..lines import whole_lines

XML_BEGINNING = re.compile(r"<(?:\?xml|!--|[A-Za-z][\w.-]*(?:\s[^>]*)?>)")

Topic = tuple[int, str, str]
"""Line, id and text of a query."""

_TOPICS = ("topic", "top")
_ID_ATTRIBUTES = ("number", "id", "qid")
_ID_ELEMENTS = ("num", "number", "id")
_TEXT_ELEMENTS = ("query", "title")
_NUMBER = re.compile(r"^\s*Number:\s*")


def xml_topics(path: Path) -> Iterator[Topic]:
    """Yield the topics of a file. The text is in ``query`` or ``title``, or stands in the topic itself.

    Raises:
        EvaluationError: The file is not XML, or a topic has no id or no text; the message names file and line.
    """
    # In one piece: of many pieces the parser reads a tag or comment that has not ended from its beginning, with each.
    yield from _Reader(path).topics("".join(line for _, line in whole_lines(path)))


class _Reader:
    """Takes the topics out of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._topics: list[Topic] = []
        self._started = 0  # the line in which the topic begins; 0 between topics
        self._id = ""
        self._inside: list[str] = []  # the elements of the topic that are open
        self._texts: dict[str, list[str]] = {}
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add
        self._parser.EntityDeclHandler = self._refuse_entity

    def topics(self, text: str) -> list[Topic]:
        """Return the topics of the whole text."""
        try:
            self._parser.Parse(text, True)  # noqa: FBT003 - it takes no keyword
        except expat.ExpatError as error:
            reason = f"no XML: {expat.ErrorString(error.code)}"
            raise EvaluationError(reason, source=str(self._path), line=error.lineno) from None
        return self._topics

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.lower()
        if self._started:
            self._inside.append(name)
        elif name in _TOPICS:
            self._started = self._parser.CurrentLineNumber
            self._id = next((attributes[key] for key in _ID_ATTRIBUTES if key in attributes), "")
            self._texts = {}

    def _add(self, text: str) -> None:
        if self._started and len(self._inside) < 2:
            self._texts.setdefault(self._inside[0] if self._inside else "", []).append(text)

    def _end(self, _: str) -> None:
        if self._inside:
            self._inside.pop()
        elif self._started:
            texts = {name: " ".join("".join(pieces).split()) for name, pieces in self._texts.items()}
            query_id = self._id.strip() or _NUMBER.sub("", _first(texts, _ID_ELEMENTS))
            text = _first(texts, (*_TEXT_ELEMENTS, ""))
            if not query_id or not text:
                reason = "a topic without a number" if not query_id else "a topic without a query or title"
                raise EvaluationError(reason, source=str(self._path), line=self._started)
            self._topics.append((self._started, query_id, text))
            self._started = 0

    def _refuse_entity(self, *_: object) -> None:
        reason = "declares an entity, which is not read: write out what it stands for"
        raise EvaluationError(reason, source=str(self._path), line=self._parser.CurrentLineNumber)


def _first(texts: dict[str, str], names: tuple[str, ...]) -> str:
    return next((texts[name] for name in names if texts.get(name)), "")
