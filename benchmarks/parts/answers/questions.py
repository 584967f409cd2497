"""The questions about the last eight articles of squad-dev, and passages that do not answer them."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bicross.index import sentence_spans

from parts.judged import measured_part

COLLECTION = "squad-dev"
LEAST_WORDS = 20
"""What is left of a paragraph without its answers must have so many words."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its paragraph.

    Attributes:
        text: The question.
        title: The title of the article.
        passage_id: The id of the paragraph.
        passage: The text of the paragraph.
        answers: The places of the answers that people marked, from the first character to the one after the last.
    """

    text: str
    title: str
    passage_id: str
    passage: str
    answers: tuple[tuple[int, int], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The answers."""
        return tuple(self.passage[start:end] for start, end in self.answers)


def read_paragraphs(data: Path) -> dict[str, Mapping[str, Any]]:
    """Return the paragraphs of all articles by id."""
    return {row["_id"]: row for row in _rows(data / COLLECTION / "corpus.jsonl")}


def read_questions(data: Path, paragraphs: Mapping[str, Mapping[str, Any]]) -> list[Question]:
    """Return the questions about the last eight articles, in a fixed random order."""
    judged = measured_part(COLLECTION).read(data)
    rows = {row["_id"]: row for row in _rows(data / COLLECTION / "queries.jsonl")}
    questions: list[Question] = []
    for query_id, text in judged.queries.items():
        [own] = judged.qrels[query_id]
        starts = [(answer["answer_start"], len(answer["text"])) for answer in rows[query_id]["answers"]]
        places = tuple((start, start + length) for start, length in starts)
        questions.append(Question(text, paragraphs[own]["title"], own, paragraphs[own]["text"], places))
    random.Random(0).shuffle(questions)
    return questions


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def wrong_passage(question: Question, passages: Sequence[str], seed: str) -> str | None:
    """Draw a passage in which no answer to the question stands; None if there is none."""
    answers = [text.casefold() for text in question.texts]
    left = [text for text in passages if not any(answer in text.casefold() for answer in answers)]
    return random.Random(seed).choice(left) if left else None


def without_answers(question: Question) -> str | None:
    """Cut the sentences out of the paragraph that hold an answer, marked or not; None if too few words are left."""
    answers = [text.casefold() for text in question.texts]
    left = [
        question.passage[start:end]
        for start, end in sentence_spans(question.passage)
        if not any(first < end and last > start for first, last in question.answers)
        and not any(answer in question.passage[start:end].casefold() for answer in answers)
    ]
    text = " ".join(part.strip() for part in left)
    return text if len(text.split()) >= LEAST_WORDS else None
