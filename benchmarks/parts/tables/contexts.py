"""The tables of context.py and replies.py."""

from parts.tables.markdown import Record, markdown


def interval_cell(figure: Record | None) -> str:
    """Format a mean with its interval."""
    return "" if figure is None else f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def gap_cell(figure: Record | None) -> str:
    """Format a difference with its interval."""
    return "" if figure is None else f"{figure['mean']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"


def contexts_table(collection: Record) -> str:
    """One line for each system and budget."""
    columns = ["system", "tokens at most", *collection["measures"], f"difference in {collection['measures'][0]}"]
    columns += ["tokens", "spans"]
    rows: list[list[object]] = [
        [
            system["system"],
            system["budget"],
            *(interval_cell(system["shares"][measure]) for measure in collection["measures"]),
            gap_cell(system["difference"]),
            f"{system['tokens']:.0f}",
            f"{system['spans']:.1f}",
        ]
        for system in collection["systems"]
    ]
    return markdown(columns, rows)


def replies_table(task: Record) -> str:
    """One line for each system, with and without earlier turns."""
    columns = ["scored by", "turns", "recall@1", "MRR", "recall@1 that earlier turns add"]
    rows: list[list[object]] = [
        [
            row["system"],
            row["turns"],
            interval_cell(row["recall"]),
            interval_cell(row["mrr"]),
            gap_cell(row["gain"]),
        ]
        for row in task["rows"]
    ]
    return markdown(columns, rows)
