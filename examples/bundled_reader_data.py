"""The questions, passages and answers from which the bundled reader is trained, and those on which choices are made.

Read from the collections of the project's data: squad-dev without its last eight article titles in alphabetical order,
which are for testing, and covid-qa, whose questions have no spans and so serve beside passages of other papers.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bicross.training.readers import ReadingExample

TESTED_TITLES = 8
HELD_OUT_TITLES = 4
"""How many of the training titles are kept for choices: when to stop, the length of windows, calibration."""
WRONG_SHARE = 0.125
"""For this share of the questions there is one more example with a wrong passage of the same article."""
COVID_WRONG = 350
SEED = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question of squad-dev with its article, its paragraph and the answers that people marked."""

    id: str
    title: str
    text: str
    passage_id: str
    passage: str
    spans: tuple[tuple[int, int], ...]

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts of the answers."""
        return tuple(self.passage[start:end] for start, end in self.spans)


@dataclass(frozen=True, slots=True)
class Split:
    """The questions by what they are for."""

    training: tuple[Question, ...]
    held_out: tuple[Question, ...]
    tested: tuple[Question, ...]


def read_lines(path: Path) -> Iterable[dict[str, object]]:
    """Read JSON lines."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def read_split(data: Path) -> Split:
    """Read squad-dev, and split it by its article titles."""
    folder = data / "squad-dev"
    documents = {row["_id"]: row for row in read_lines(folder / "corpus.jsonl")}
    rows = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    gold = dict(row.split("\t")[:2] for row in rows)
    questions: list[Question] = []
    for row in read_lines(folder / "queries.jsonl"):
        document = documents[gold[row["_id"]]]
        starts = [(answer["answer_start"], answer["answer_start"] + len(answer["text"])) for answer in row["answers"]]
        questions.append(
            Question(row["_id"], document["title"], row["text"], document["_id"], document["text"], tuple(starts))
        )
    titles = sorted({question.title for question in questions})
    training_titles, tested = titles[:-TESTED_TITLES], titles[-TESTED_TITLES:]
    held_out = random.Random(SEED).sample(training_titles, HELD_OUT_TITLES)
    return Split(
        tuple(
            question for question in questions if question.title in training_titles and question.title not in held_out
        ),
        tuple(question for question in questions if question.title in held_out),
        tuple(question for question in questions if question.title in tested),
    )


def wrong_passage(question: Question, passages: Sequence[str], rng: random.Random) -> str | None:
    """Draw a passage that does not hold the answer, not even by chance; None if all of them do."""
    answers = [answer.lower() for answer in question.answers]
    right = [
        passage
        for passage in passages
        if passage != question.passage and not any(answer in passage.lower() for answer in answers)
    ]
    return rng.choice(right) if right else None


def without_answers(questions: Sequence[Question], count: int) -> list[ReadingExample]:
    """Make examples of questions with wrong passages of the same article."""
    rng = random.Random(SEED)
    by_title: dict[str, list[str]] = {}
    for question in questions:
        passages = by_title.setdefault(question.title, [])
        if question.passage not in passages:
            passages.append(question.passage)
    examples: list[ReadingExample] = []
    for question in rng.sample(questions, len(questions)):
        passage = wrong_passage(question, by_title[question.title], rng)
        if passage is not None and len(examples) < count:
            examples.append(ReadingExample(question.text, passage))
    return examples


def from_covid(data: Path, count: int) -> list[ReadingExample]:
    """Make examples of covid-qa's questions with windows of other papers."""
    rng = random.Random(SEED)
    windows = [(str(row["_id"]), str(row["text"])) for row in read_lines(data / "covid-qa" / "corpus.jsonl")]
    questions = [(str(row["_id"]), str(row["text"])) for row in read_lines(data / "covid-qa" / "queries.jsonl")]
    examples: list[ReadingExample] = []
    for question_id, text in rng.sample(questions, count):
        paper = question_id.partition("-")[0]
        other = rng.choice(windows)
        while other[0].partition("-")[0] == paper:
            other = rng.choice(windows)
        examples.append(ReadingExample(text, other[1]))
    return examples


def training_examples(data: Path, split: Split) -> list[ReadingExample]:
    """Return all examples to train on."""
    right = [ReadingExample(question.text, question.passage, question.spans) for question in split.training]
    wrong = without_answers(split.training, round(WRONG_SHARE * len(right)))
    return right + wrong + from_covid(data, COVID_WRONG)
