"""How good are answers? Measures a reader on given paragraphs, over all paragraphs, and where there is no answer.

Usage: python benchmarks/answers.py DATA [--only PART ...] [--open 100] [--output benchmarks/results/answers.json]

DATA holds the BEIR folder squad-dev. The questions are about its last eight articles, on which neither the bundled
reader nor the bundled reranker was trained. Three parts:

- gold: the reader gets the paragraph that each question was asked about.
- unanswerable: passages with an answer against passages without, told apart by the reader's confidence.
- open: an AnswerPipeline finds the passages among those of all articles, and of all but the last eight.

Takes most of an hour on one core: gold four minutes, unanswerable five, open the rest. With --scratch the indexes and
the reranker's scores are kept for the next run.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bicross.index import Chunking, Document, Index
from bicross.models import DEFAULT_READER
from bicross.pipelines import Answer, AnswerPipeline, build_index
from bicross.rerank import DEFAULT_RERANKER
from bicross.rerank.readers import ExtractiveReader
from bicross.retrieval import DEFAULT_ENCODER, DenseRetriever, HybridRetriever
from numpy.typing import NDArray
from parts.answers.measures import auroc, exact_match, f1
from parts.answers.questions import (
    COLLECTION,
    Question,
    read_paragraphs,
    read_questions,
    without_answers,
    wrong_passage,
)
from parts.answers.reading import RememberedReader
from parts.machine import set_threads
from parts.quality_bench import Bench
from parts.report_file import check_folders, header, write
from parts.shares import share
from parts.tables.answers import gold_table, open_table, unanswerable_table

PARTS = ("gold", "unanswerable", "open")
TARGETS = {"exact_match": 0.55, "f1": 0.67}
SHOWN = 5
"""Answers of the pipeline that are looked at."""
ANOTHER, SAME, CUT = "of another article", "of the same article", "its own, without the sentences that answer"
PRESENT, ABSENT = "present", "absent"
HOW = (
    "Exact match and F1 as in SQuAD 1.1 (Rajpurkar et al. 2016, section 6.1), against the best of the marked answers; "
    "an answer is given to every question, however unsure, except where the threshold is named. The threshold is the "
    "reader's own: it was chosen on four other articles. 95 % bootstrap intervals over the questions. Samples are "
    "drawn at random with a fixed seed."
)


def gold(reader: RememberedReader, questions: Sequence[Question]) -> dict[str, Any]:
    """Measure the answers in the paragraphs that the questions were asked about."""
    spans = reader.best([(question.text, question.passage) for question in questions], "gold")
    kept = reader.confidences(spans) >= reader.no_answer_below
    marks = [exact_match(span.text, question.texts) for span, question in zip(spans, questions, strict=True)]
    return {
        "questions": len(questions),
        "exact_match": share(marks),
        "f1": share([f1(span.text, question.texts) for span, question in zip(spans, questions, strict=True)]),
        "kept": share(kept.astype(np.float64)),
        "exact_match_of_kept": share(np.array(marks)[kept]) if kept.any() else None,
        "targets": TARGETS,
    }


def unanswerable(
    reader: RememberedReader, questions: Sequence[Question], paragraphs: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Measure how well the confidence tells paragraphs with an answer from those without."""
    titles: dict[str, list[str]] = {}
    for row in paragraphs.values():
        titles.setdefault(row["title"], []).append(row["text"])
    texts = [row["text"] for row in paragraphs.values()]
    own = {question.title: set(titles[question.title]) for question in questions}
    made: dict[str, list[str | None]] = {
        ANOTHER: [
            wrong_passage(question, [text for text in texts if text not in own[question.title]], f"{ANOTHER} {number}")
            for number, question in enumerate(questions)
        ],
        SAME: [
            wrong_passage(question, titles[question.title], f"{SAME} {number}")
            for number, question in enumerate(questions)
        ],
        CUT: [without_answers(question) for question in questions],
    }
    rows: list[dict[str, Any]] = []
    for kind, passages in made.items():
        chosen = [(question, text) for question, text in zip(questions, passages, strict=True) if text is not None]
        right = reader.best([(question.text, question.passage) for question, _ in chosen], "with an answer")
        wrong = reader.best([(question.text, text) for question, text in chosen], kind)
        yes, no = reader.confidences(right), reader.confidences(wrong)
        kept, rejected = yes >= reader.no_answer_below, no < reader.no_answer_below
        rows.append(
            {
                "passage": kind,
                "questions": len(chosen),
                "auroc": auroc(yes, no),
                "kept": share(kept.astype(np.float64)),
                "rejected": share(rejected.astype(np.float64)),
                "accuracy": share((kept.astype(np.float64) + rejected) / 2),
            }
        )
    return rows


def answered(pipeline: AnswerPipeline, questions: Sequence[Question], name: str) -> list[list[Answer]]:
    """Return the best answers to each question, however unsure."""
    answers: list[list[Answer]] = []
    for start in range(0, len(questions), 10):
        texts = [question.text for question in questions[start : start + 10]]
        answers += pipeline.answer_batch(texts, top_k=SHOWN, min_confidence=0.0)
        print(f"\r  {name}: {len(answers)} of {len(questions)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return answers


def has_own(question: Question, passages: set[str]) -> bool:
    """Tell whether a part of its own paragraph with a marked answer is among passages."""
    parts = [passage for passage in passages if passage in question.passage]
    return any(answer in part for part in parts for answer in question.texts)


def best_confidence(answers: Sequence[Answer]) -> float:
    """Return the confidence of the first answer; 0 if there is none."""
    return answers[0].confidence if answers else 0.0


def open_row(
    system: str, reader: RememberedReader, questions: Sequence[Question], answers_of: Sequence[Sequence[Answer]]
) -> dict[str, Any]:
    """Measure the answers of a pipeline."""
    pairs = list(zip(questions, answers_of, strict=True))

    def best(measure: Any, count: int) -> list[float]:  # noqa: ANN401 - exact_match or f1
        return [max((measure(answer.text, q.texts) for answer in answers[:count]), default=0.0) for q, answers in pairs]

    return {
        "system": system,
        "exact_match": share(best(exact_match, 1)),
        "f1": share(best(f1, 1)),
        "exact_match_of_5": share(best(exact_match, SHOWN)),
        "f1_of_5": share(best(f1, SHOWN)),
        "own_paragraph_first": share([float(a[0].document.id == q.passage_id if a else False) for q, a in pairs]),
        "own_paragraph_read": share([float(has_own(q, reader.read_for[q.text])) for q, _ in pairs]),
        "answered": share([float(best_confidence(answers) >= reader.no_answer_below) for _, answers in pairs]),
    }


def over_all(bench: Bench, reader: RememberedReader, questions: Sequence[Question], data: Path) -> dict[str, Any]:
    """Measure pipelines over an index of all paragraphs, and over one of those that cannot answer."""
    index, encoder, reranker = bench.index(data / COLLECTION, Chunking()), bench.encoder, bench.reranker
    dense, hybrid = DenseRetriever(index, encoder), HybridRetriever(index, encoder)
    systems = {
        "AnswerPipeline": AnswerPipeline(dense, reranker, reader),
        "without reranking": AnswerPipeline(dense, None, reader),
        "vectors and words": AnswerPipeline(hybrid, reranker, reader),
    }
    rows: list[dict[str, Any]] = []
    confidences: dict[str, NDArray[np.float64]] = {}
    for name, pipeline in systems.items():
        reader.read_for.clear()
        answers_of = answered(pipeline, questions, name)
        confidences.setdefault(PRESENT, np.array([best_confidence(answers) for answers in answers_of]))
        rows.append(open_row(name, reader, questions, answers_of))
    others = AnswerPipeline(DenseRetriever(index_of_others(bench, data), encoder), reranker, reader)
    confidences[ABSENT] = np.array([best_confidence(answers_of) for answers_of in answered(others, questions, ABSENT)])
    refused = confidences[ABSENT] < reader.no_answer_below
    return {
        "questions": len(questions),
        "systems": rows,
        "absent": {
            "system": "AnswerPipeline",
            "refused": share(refused.astype(np.float64)),
            "auroc": auroc(confidences[PRESENT], confidences[ABSENT]),
        },
    }


def index_of_others(bench: Bench, data: Path) -> Index:
    """Open or build the index of the articles that no question is about."""
    path = bench.folder / "others"
    if not (path / "MANIFEST").exists():
        paragraphs = read_paragraphs(data)
        tested = {question.title for question in read_questions(data, paragraphs)}
        documents = [
            Document(id_, row["text"], row["title"]) for id_, row in paragraphs.items() if row["title"] not in tested
        ]
        build_index(documents, path, encoder=bench.encoder, reranker=None, resume=True)
    return Index.open(path)


def parsed() -> argparse.Namespace:
    """Return the checked arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="measure these parts")
    parser.add_argument("--gold", type=int, help="questions of the part gold; default: all")
    parser.add_argument("--unanswerable", type=int, default=600, help="questions of the part unanswerable")
    parser.add_argument("--open", type=int, default=100, help="questions of the part open")
    parser.add_argument("--reader", default=DEFAULT_READER)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--dtype", default="float32", help="of reader and reranker")
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(device="cpu")
    parser.add_argument("--scratch", type=Path, help="folder that keeps indexes and scores for the next run")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.scratch])
    return arguments


def main() -> None:
    arguments = parsed()
    set_threads(arguments.threads)
    data = arguments.data
    paragraphs = read_paragraphs(data)
    questions = read_questions(data, paragraphs)
    reader = RememberedReader(ExtractiveReader(arguments.reader, device=arguments.device, dtype=arguments.dtype))
    report = header(arguments, how=HOW)
    report |= {"questions": len(questions), "paragraphs": len(paragraphs), "threshold": reader.no_answer_below}
    if "gold" in arguments.only:
        report["gold"] = gold(reader, questions[: arguments.gold])
        print(f"\n{gold_table(report['gold'])}\n", flush=True)
        write(arguments.output, report)
    if "unanswerable" in arguments.only:
        report["unanswerable"] = unanswerable(reader, questions[: arguments.unanswerable], paragraphs)
        print(f"\n{unanswerable_table(report['unanswerable'])}\n", flush=True)
        write(arguments.output, report)
    if "open" in arguments.only:
        with tempfile.TemporaryDirectory() as scratch:
            folder = arguments.scratch or Path(scratch)
            folder.mkdir(exist_ok=True)
            arguments.scores = folder / "scores"
            report["open"] = over_all(Bench(arguments, folder), reader, questions[: arguments.open], data)
        print(f"\n{open_table(report['open'])}", flush=True)
    write(arguments.output, report)


if __name__ == "__main__":
    main()
