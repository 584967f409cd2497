"""The tables of quality.py, feedback.py, reranker.py, calibration.py, adaptation.py and tuning.py."""

from collections.abc import Sequence

from parts.tables.markdown import Record, difference_cell, gain_cell, markdown, mean_cells, percent

MEASURES = ("nDCG@10", "RR@10", "R@100")
TRAININGS = {
    "as it comes": "not adapted",
    "all pairs": "all pseudo-query pairs",
    "believed pairs": "pairs kept by consistency filtering",
    "distilled": "distilled from the reranker",
}
"""The words that a table has for the trainings in the JSON of adaptation.py."""
SYSTEMS = {"stage one": "first stage"}


def quality_table(rows: Sequence[Record]) -> str:
    """One line for each collection and way of searching."""
    columns = ["collection", "queries", "", *MEASURES, "difference", "published nDCG@10", "settings"]
    lines: list[list[object]] = []
    for row in rows:
        published = None if row["published"] is None else f"{row['published']:.4f}"
        means = mean_cells(row["means"], MEASURES)
        shown = difference_cell(row["difference"])
        lines.append([row["collection"], row["queries"], row["system"], *means, shown, published, row["settings"]])
    return markdown(columns, lines)


def feedback_table(rows: Sequence[Record]) -> str:
    """One line for each collection and first stage; differences are to the hybrid."""
    lines = [
        [
            row["collection"],
            row["queries"],
            row["system"],
            *mean_cells(row["means"], MEASURES),
            difference_cell(row["difference"]),
        ]
        for row in rows
    ]
    return markdown(["collection", "queries", "first stage", *MEASURES, "difference"], lines)


def signals_table(rows: Sequence[Record]) -> str:
    """One line for each collection: what its lists say without judgments."""
    names = ("agreement", "dense_spread", "lexical_spread")
    lines = [[row["collection"], *(f"{row[name]:.3f}" for name in names)] for row in rows]
    return markdown(["collection", "agreement of the first ten", "spread of cosines", "spread of BM25"], lines)


def added_table(stages: Record) -> str:
    """One line for each first stage of feedback_speed.py."""
    lines = [
        [
            name,
            f"{of['p50_ms']:.1f}",
            f"{of['p95_ms']:.1f}",
            "" if of["added"] is None else f"{100 * of['added']:+.1f} %",
        ]
        for name, of in stages.items()
    ]
    return markdown(["first stage", "p50, ms", "p95, ms", "added"], lines)


def reranker_table(rows: Sequence[Record]) -> str:
    """One line for each collection and way of searching, with the targets."""
    measures = MEASURES[:2]
    columns = ["collection", "queries", "", *measures, "difference", "target", "settings"]
    lines: list[list[object]] = []
    for row in rows:
        target = "" if row["met"] is None else f"{row['target']}: {'met' if row['met'] else 'not met'}"
        means = mean_cells(row["means"], measures)
        shown = difference_cell(row["difference"])
        lines.append([row["collection"], row["queries"], row["system"], *means, shown, target, row["settings"]])
    return markdown(columns, lines)


def calibration_table(rows: Sequence[Record]) -> str:
    """One line for each collection and curve: the calibration errors, and what share is relevant."""
    columns = [
        "collection",
        "queries",
        "relevance by",
        "error, all",
        "relevant",
        "error, first ten",
        "relevant of them",
    ]
    lines = [
        [
            row["collection"],
            row["queries"],
            row["curve"],
            f"{row['error']:.3f}",
            percent(row["relevant"]),
            f"{row['error_first']:.3f}",
            percent(row["relevant_first"]),
        ]
        for row in rows
    ]
    return markdown(columns, lines)


def unrelated_table(rows: Sequence[Record]) -> str:
    """One line for each collection and kind of pairs that are not related: the relevance that they get."""
    columns = ["collection", "pairs", "unrelated", "highest, sigmoid", "highest, calibrated", "median, calibrated"]
    lines = [
        [
            row["collection"],
            row["pairs"],
            row["kind"],
            *(f"{row[name]:.3f}" for name in ("sigmoid", "calibrated", "middle")),
        ]
        for row in rows
    ]
    return markdown(columns, lines)


def adaptation_table(rows: Sequence[Record]) -> str:
    """One line for each collection, training and share of the trained weights."""
    columns = ["collection", "queries", "encoder", "share of trained weights", "", "lists", *MEASURES, "difference"]
    lines = [
        [
            row["collection"],
            row["queries"],
            TRAININGS.get(row["encoder"], row["encoder"]),
            row["average"],
            SYSTEMS.get(row["system"], row["system"]),
            row["lists"] or None,
            *mean_cells(row["means"], MEASURES),
            difference_cell(row["difference"]),
        ]
        for row in rows
    ]
    return markdown(columns, lines)


def tuning_table(rows: Sequence[Record]) -> str:
    """One line for each collection, kind of settings, default and number of queries."""
    rules = list(rows[0]["gains"]) if rows else []
    columns = ["collection", "queries", "settings", "default", "tuned on", *rules, "expected", "changed", "possible"]
    lines: list[list[object]] = []
    for row in rows:
        gains = [f"{row['gains'][rule]:+.4f}" for rule in rules]
        gains[0] += f" ± {row['error']:.4f}"
        named = [row["collection"], row["queries"], row["settings"], row["default"], row["drawn"]]
        lines.append([*named, *gains, f"{row['expected']:+.4f}", percent(row["changed"]), f"{row['possible']:+.4f}"])
    return markdown(columns, lines)


def weights_table(rows: Sequence[Record]) -> str:
    """One line for each weight of the reranker and number of candidates that it reads."""
    names = list(rows[0]["means"])
    lines = [
        [
            row["depth"],
            f"{row['weight']:g}",
            *(f"{row['means'][name]:.4f}" for name in names),
            f"{row['mean']:.4f}",
            gain_cell(row["difference"]) if row["weight"] else "",
        ]
        for row in rows
        if row["weight"] or row["depth"] == rows[0]["depth"]
    ]
    return markdown(["candidates read", "weight", *names, "mean", "minus the first stage"], lines)
