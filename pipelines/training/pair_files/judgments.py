"""Makes judgments of rows: a query, a passage, and how relevant it is."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ....errors import TrainingError
from ...evaluation import MAX_GRADE, whole_grade
from .roles import Roles, plain_name, roles_of
from .rows import pair_rows

logger = logging.getLogger("bicross")

_OF_IDS = re.compile(r".*(?:ids?|idx|index)", re.IGNORECASE)
_SCORED = {"pos": "pos_scores", "neg": "neg_scores"}


@dataclass(frozen=True, slots=True)
class Judgment:
    """How relevant a passage is for a query, as a line of a file says."""

    line: int
    query: str
    passage: str
    grade: int


def pair_judgments(path: Path) -> Iterator[Judgment]:
    """Yield the judgments of a file; columns that are not read are logged once.

    Raises:
        TrainingError: A row cannot be read, or can be read in two ways; it names file and line.
    """
    unread: dict[str, None] = {}
    roles_by_names: dict[tuple[str, ...], Roles] = {}
    for line, row in pair_rows(path):
        names = tuple(row)
        try:
            roles = (
                roles_by_names[names] if names in roles_by_names else roles_by_names.setdefault(names, roles_of(names))
            )
            judgments = list(_judgments(row, roles, line))
        except ValueError as error:
            raise TrainingError(str(error), source=str(path), line=line) from None
        unread.update(dict.fromkeys(roles.others))
        yield from judgments
    if unread:
        logger.warning("%s: not read, because only texts and labels are: %s", path, ", ".join(unread))


def _judgments(row: Mapping[str, object], roles: Roles, line: int) -> Iterator[Judgment]:
    query = text_value(roles.query, row[roles.query])
    if roles.passage:
        if not roles.label:
            _check_no_label(row, roles)
        grade = _label(row[roles.label]) if roles.label else 1
        yield Judgment(line, query, text_value(roles.passage, row[roles.passage]), grade)
    for names, grade in ((roles.positives, 1), (roles.negatives, 0)):
        for name in names:
            for text in _texts(name, row, may_be_empty=grade == 0):
                yield Judgment(line, query, text, grade)


def _check_no_label(row: Mapping[str, object], roles: Roles) -> None:
    """Refuse a row in which a number may be the label: without one its passage counts as relevant."""
    for name in roles.others:
        if not _OF_IDS.fullmatch(name) and _is_number(row[name]):
            raise ValueError(
                f"has no label, which makes its passage relevant, but {name} is {row[name]!r:.60}: call it label if it"
                " is one, or leave it out"
            )


def _is_number(value: object) -> bool:
    if not isinstance(value, str):
        return isinstance(value, int | float)
    try:
        float(value)
    except ValueError:
        return False
    return True


def _texts(name: str, row: Mapping[str, object], *, may_be_empty: bool) -> Iterator[str]:
    """Yield the text in a column, or those of its list. Scores of a teacher must be as many, and are not used."""
    value = row[name]
    if not isinstance(value, list):
        yield text_value(name, value)
        return
    texts = cast("list[object]", value)
    if not texts and not may_be_empty:
        raise ValueError(f"the {name} is an empty list")
    scores = row.get(_SCORED.get(plain_name(name), ""))
    if isinstance(scores, list) and len(cast("list[object]", scores)) != len(texts):
        raise ValueError(f"has {len(texts)} texts in {name}, and {len(cast('list[object]', scores))} scores of them")
    for text in texts:
        yield text_value(name, text)


def text_value(name: str, value: object) -> str:
    """Return the text in a column; raise ``ValueError`` if it is empty or none."""
    if not isinstance(value, str) or not value.strip():
        fault = (
            "is empty" if isinstance(value, str) else "is missing" if value is None else f"is not text: {value!r:.60}"
        )
        raise ValueError(f"the {name} {fault}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"the {name} has a lone surrogate, and is not text")
    return value


def _label(value: object) -> int:
    grade = whole_grade(value)
    if grade is None or abs(grade) > MAX_GRADE:
        raise ValueError(f"the label {value!r:.60} is not a grade, a whole number")
    return grade
