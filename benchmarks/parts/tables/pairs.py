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
    names = list(dict.fromkeys(row["pairs"] for row in rows))
    for row in sorted(rows, key=lambda row: names.index(row["pairs"])):
        measures = SHOWN[row["pairs"].rpartition(" ")[2]]
        lines += [[row["pairs"], row["count"], row["system"], name, *_values(row, name)] for name in measures]
    return markdown(["pairs", "test pairs", "system", "measure", "dev", "test", "published", "target"], lines)


def pairs_title(rows: Sequence[Record]) -> str:
    """Say in one line what the best system reaches on each test part, chosen by dev, beside the encoder alone."""
    parts: list[str] = []
    for name in dict.fromkeys(row["pairs"] for row in rows):
        measure = SHOWN[name.rpartition(" ")[2]][0]
        of_name = [row for row in rows if row["pairs"] == name]
        best = max(of_name, key=lambda row: row["dev"][measure])
        alone = next((row for row in of_name if "/" in row["system"] and row is not best), None)
        beside = "" if alone is None else f", the cosine alone {alone['test'][measure]:.3f}"
        words = "the cosine alone" if "/" in best["system"] else best["system"]
        parts.append(f"{name}, {words}: {measure} {best['test'][measure]:.3f}{beside}")
    return "; ".join(parts)


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
