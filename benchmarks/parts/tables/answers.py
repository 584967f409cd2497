"""The tables of answers.py."""

from collections.abc import Sequence

from parts.tables.contexts import interval_cell
from parts.tables.markdown import Record, markdown


def gold_table(gold: Record) -> str:
    """One line for each measure, with the target and whether it is met."""
    names = {"exact_match": "exact match", "f1": "F1", "kept": "confidence above the threshold"}
    names["exact_match_of_kept"] = "exact match, of those"
    rows: list[list[object]] = []
    for name, words in names.items():
        target = gold["targets"].get(name)
        met = "" if target is None else f"{target}: {'met' if gold[name]['mean'] >= target else 'not met'}"
        rows.append([words, interval_cell(gold[name]), met])
    return markdown([f"{gold['questions']:,} questions", "share", "target"], rows)


def unanswerable_table(rows: Sequence[Record]) -> str:
    """One line for each kind of passage without an answer."""
    columns = [
        "passage without an answer",
        "questions",
        "AUROC",
        "right passages kept",
        "wrong ones rejected",
        "accuracy",
    ]
    lines: list[list[object]] = [
        [
            row["passage"],
            row["questions"],
            f"{row['auroc']:.3f}",
            *(interval_cell(row[name]) for name in ("kept", "rejected", "accuracy")),
        ]
        for row in rows
    ]
    return markdown(columns, lines)


def open_table(report: Record) -> str:
    """One line for each pipeline."""
    shares = {
        "exact match": "exact_match",
        "F1": "f1",
        "exact match, best of 5": "exact_match_of_5",
        "F1, best of 5": "f1_of_5",
        "first answer from its paragraph": "own_paragraph_first",
        "its paragraph was read": "own_paragraph_read",
        "above the threshold": "answered",
    }
    lines = [
        [system["system"], *(interval_cell(system[name]) for name in shares.values())] for system in report["systems"]
    ]
    return markdown([f"{report['questions']:,} questions", *shares], lines)
