"""The tables of pairs.py."""

from collections.abc import Sequence

from parts.tables.markdown import Record, markdown

SHOWN = {
    "stsb": ("spearman", "pearson"),
    "sick": ("spearman", "pearson"),
    "mrpc": ("accuracy", "f1"),
    "entailment": ("accuracy",),
}


def pairs_table(rows: Sequence[Record]) -> str:
    """One line for each collection, system and measure."""
    lines: list[list[object]] = []
    for row in rows:
        measures = SHOWN[row["pairs"].rpartition(" ")[2]]
        lines += [[row["pairs"], row["count"], row["system"], name, *_values(row, name)] for name in measures]
    return markdown(["pairs", "test pairs", "system", "measure", "dev", "test", "published", "target"], lines)


def _values(row: Record, measure: str) -> list[str]:
    dev, test, target = row["dev"][measure], row["test"][measure], (row["targets"] or {}).get(measure)
    published = "" if row["published"] is None or measure != "spearman" else f"{row['published']:.4f}"
    shown = "" if target is None else f"{target}: {'met' if test >= target else 'not met'}"
    return [f"{dev:.4f}", f"{test:.4f}", published, shown]


def trainings_table(trainings: Sequence[Record]) -> str:
    """One line for each training, with the quality on dev at each evaluation."""
    lines = [
        [
            training["name"],
            training["model"],
            training["pairs"],
            str(training["epochs"]),
            training["steps"],
            training["best_step"],
            ", ".join(f"{evaluation['quality']:.4f}" for evaluation in training["evaluations"]),
        ]
        for training in trainings
    ]
    return markdown(["model", "start", "pairs", "epochs", "steps", "saved step", "quality on dev, in order"], lines)
