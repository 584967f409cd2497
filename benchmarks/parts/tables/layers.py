"""The tables of early_layers.py and cascade.py."""

import re
from collections.abc import Sequence

from parts.tables.markdown import SIGNIFICANT, Record, difference_cell, markdown, mean_cells

MEASURES = ("nDCG@10", "R@100")
POOLINGS = {"mean": "mean of tokens", "cls": "first token"}


def layer_table(rows: Sequence[Record]) -> str:
    """One line for each layer of a model, with the difference to its last layer."""
    columns = ["collection", "model", "pooling", "layer", *MEASURES, "difference to the last layer"]
    lines: list[list[object]] = []
    for row in rows:
        named = [row["collection"], row["model"], POOLINGS[row["pooling"]], row["layer"]]
        lines.append([*named, *mean_cells(row["means"], MEASURES), difference_cell(row["difference"])])
    return markdown(columns, lines)


def layers_side_by_side(rows: Sequence[Record]) -> str:
    """One line for each layer, one column for each collection, model and pooling; * as in layer_table."""
    groups = list(dict.fromkeys((row["collection"], row["model"], row["pooling"]) for row in rows))
    cells = {(row["collection"], row["model"], row["pooling"], row["layer"]): _layer_cell(row) for row in rows}
    columns = ["layer", *(f"{c}, {model.rpartition('/')[2]}, {POOLINGS[pooling]}" for c, model, pooling in groups)]
    layers = sorted({row["layer"] for row in rows})
    return markdown(columns, [[layer, *(cells.get((*group, layer)) for group in groups)] for layer in layers])


def _layer_cell(row: Record) -> str:
    difference = row["difference"]
    mark = "*" if difference is not None and difference["p_value"] < SIGNIFICANT else ""
    ndcg, recall = mean_cells(row["means"], MEASURES)
    return f"{ndcg}{mark} / {recall}"


def layer_speed_table(figures: Record) -> str:
    """One line for each number of layers."""
    columns = ["layers", "documents/s", "times faster", "one query p50 ms", "p95 ms", "times faster"]
    lines: list[list[object]] = []
    for layers, speed in figures.items():
        documents = [layers, speed["documents_per_second"], speed["times_faster"]]
        query = [speed["one_query"]["p50_ms"], speed["one_query"]["p95_ms"], speed["one_query_times_faster"]]
        lines.append([*documents, *query])
    return markdown(columns, lines)


def trained_table(means: Record) -> str:
    """The first two layers before and after training: one line for each origin, one column for each collection."""
    names = {
        "ce2": "first two layers of the reranker",
        "be2": "first two layers of MiniLM",
        "ce2-trained": "first two layers of the reranker, trained",
        "be2-trained": "first two layers of MiniLM, trained",
    }
    lines = [[label, *(" / ".join(mean_cells(means[c][key], MEASURES)) for c in means)] for key, label in names.items()]
    return markdown(["", *(f"{collection}, nDCG@10 / R@100" for collection in means)], lines)


def way_label(way: str) -> str:
    """The words that a table has for a way of reranking in the JSON of cascade.py."""
    if way == "everything read to the end":
        return "all candidates, all layers"
    if alone := re.fullmatch(r"the first (\d+) alone", way):
        return f"`rerank_k` {alone[1]}"
    return re.sub(r"(\d+) after layer", r"keep \1 after layer", way)


def cascade_table(rows: Sequence[Record]) -> str:
    """One line for each collection and cascade, or smaller number of candidates."""
    columns = ["collection", "queries", "", "nDCG@10", "difference", "p50 ms", "times faster"]
    lines: list[list[object]] = []
    for row in rows:
        named = [row["collection"], row["queries"], way_label(row["way"]), f"{row['ndcg']:.4f}"]
        lines.append([*named, difference_cell(row["difference"]), row["p50_ms"], row["times_faster"]])
    return markdown(columns, lines)


def cascade_means_table(over_all: Record) -> str:
    """One line for each cascade: means over the collections."""
    columns = ["all collections", "mean difference", "worst difference", "times faster"]
    lines = [
        [way_label(way), f"{row['difference']:+.4f}", f"{row['worst_difference']:+.4f}", row["times_faster"]]
        for way, row in over_all.items()
    ]
    return markdown(columns, lines)


def heads_table(joint: Sequence[Record], fitted: Sequence[Record]) -> str:
    """Cascades with heads trained with the model beside heads fitted afterwards, by collection."""
    collections = list(dict.fromkeys(row["collection"] for row in joint))
    columns = [""]
    columns += [f"{name}, {how}" for name in collections for how in ("trained with the model", "fitted afterwards")]
    both = (joint, fitted)
    cells = [{(row["collection"], row["way"]): difference_cell(row["difference"]) for row in rows} for rows in both]
    ways = dict.fromkeys(row["way"] for row in joint if row["difference"] is not None)
    lines = [[way_label(way), *(heads[name, way] for name in collections for heads in cells)] for way in ways]
    return markdown(columns, lines)
