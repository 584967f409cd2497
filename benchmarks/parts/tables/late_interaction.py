"""The tables of late_interaction.py."""

from collections.abc import Sequence

import numpy as np

from parts.tables.markdown import Record, difference_cell, gain_cell, markdown

NDCG = "nDCG@10"


def late_quality_table(collections: Sequence[Record]) -> str:
    """One line for each collection and way to order its candidates."""
    columns = ["collection", "queries", "", NDCG, "difference to the reranker on 100", "to the first stage"]
    lines = [
        [
            row["collection"],
            row["queries"],
            row["way"],
            f"{row['means'][NDCG]['mean']:.4f}",
            difference_cell(row["difference"]),
            difference_cell(row["to_first_stage"]),
        ]
        for figures in collections
        for row in figures["rows"]
    ]
    return markdown(columns, lines)


def late_means_table(collections: Sequence[Record]) -> str:
    """One line for each way: the mean over the collections, and its difference to the reranker on 100."""
    names = [row["way"] for row in collections[0]["rows"]]
    means = {way: late_mean(collections, way) for way in names}
    full = means["reranker on 100"]
    columns = ["", f"mean {NDCG}", "difference to the reranker on 100"]
    return markdown(columns, [[way, f"{mean:.4f}", f"{mean - full:+.4f}"] for way, mean in means.items()])


def late_mean(collections: Sequence[Record], way: str) -> float:
    """Return the mean nDCG@10 of a way over the collections."""
    return float(
        np.mean([row["means"][NDCG]["mean"] for figures in collections for row in figures["rows"] if row["way"] == way])
    )


def bytes_table(collections: Sequence[Record]) -> str:
    """One line for each collection: what its token vectors take."""
    lines = [
        [figures["collection"], figures["passages"], f"{figures['bytes_a_passage'] / 1000:.1f}"]
        for figures in collections
    ]
    return markdown(["collection", "passages", "KB of token vectors a passage"], lines)


def late_speed_table(figures: Record) -> str:
    """One line for each reranker on one workload."""
    lines = [[name, of["p50_ms"], of["p95_ms"], of["times_faster"]] for name, of in figures["variants"].items()]
    return markdown(["", "p50 ms", "p95 ms", "times faster"], lines)


def building_table(figures: Record) -> str:
    """One line: the processor time of a build with token vectors over one without."""
    medians = [float(np.median(figures["cpu_seconds"][name])) for name in ("without", "with")]
    return markdown(
        ["documents", "CPU s without", "with", "ratio"], [[figures["documents"], *medians, figures["ratio"]]]
    )


def blend_table(rows: Sequence[Record]) -> str:
    """One line for each weight of the fast reranker."""
    columns = ["weight", "alone", "minus the first stage", "then reranked", "minus the reranker on the first ten"]
    lines = [
        [
            f"{row['weight']:g}",
            *(cell for name in ("alone", "then reranked") for cell in (f"{row[name]:.4f}", interval(row, name))),
        ]
        for row in rows
    ]
    return markdown(columns, lines)


def interval(row: Record, name: str) -> str:
    """Format the difference of a line with its interval."""
    return gain_cell(row[f"{name}, difference"]) if row["weight"] else ""
