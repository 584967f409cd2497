"""The table and the plot of ``index_recall.py``. Knows its figures alone."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = dict[str, Any]
LOWEST = 0.88
"""Recall at the foot of the plot: what finds less is of no use."""
COLUMNS = (
    "kind",
    "made of",
    "settings",
    "build s",
    "bytes/vector",
    "recall@10",
    "recall@100",
    "claimed",
    "p50 ms",
    "p95 ms",
    "queries/s",
    "p50 / Flat",
    "p50 ms at target",
)


def print_table(size: Figures) -> None:
    """One size, a line a kind of index, as it was tuned; last, what the target costs on the queries themselves."""
    table = Table(title=f"{size['rows']:,} vectors of {size['dimension']} dimensions, k = 100")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:3] else "right")
    for result in size["kinds"]:
        table.add_row(*_cells(result))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cells(result: Figures) -> Sequence[str]:
    reached = result["at_target"]
    return (
        result["kind"],
        result["made_of"],
        ", ".join(f"{name} {value}" for name, value in result["tuned_settings"].items()),
        f"{result['build_seconds']:.1f}",
        f"{result['bytes_per_vector']:.0f}",
        f"{result['recall_at_10']:.4f}",
        f"{result['recall_at_100']:.4f}",
        f"{result['claimed_recall_at_100']:.4f}",
        f"{result['p50_ms']:.2f}",
        f"{result['p95_ms']:.2f}",
        f"{result['queries_per_second']:.0f}",
        f"{result['ratio_to_flat']['p50_ms']:.2f}",
        "not reached" if reached is None else f"{reached['p50_ms']:.2f} ({reached['settings']})",
    )


def plot(sizes: Sequence[Figures], path: Path) -> None:
    """Recall@100 against the latency of one query, a panel a size, a line a kind; its tuned setting has a ring."""
    import matplotlib as mpl  # in the extra "bench", and only the plot needs it

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "bicross", "svg.fonttype": "none"}
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    kinds = list(dict.fromkeys(result["kind"] for size in sizes for result in size["kinds"]))
    colours = {kind: f"C{number}" for number, kind in enumerate(kinds)}
    figure, panels = plt.subplots(1, len(sizes), figsize=(5.2 * len(sizes), 4.2), squeeze=False, layout="constrained")
    for panel, size in zip(panels[0], sizes, strict=True):
        for result in size["kinds"]:
            _draw(panel, result, colours[result["kind"]])
        panel.set(xscale="log", title=f"{size['rows']:,} vectors", xlabel="ms for one query (median)")
        panel.set_ylim(LOWEST, 1 + (1 - LOWEST) / 25)
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(visible=True, which="both", alpha=0.25)
    panels[0][0].set_ylabel("recall@100")
    lines = {kind: plt.Line2D([], [], color=colours[kind], marker="o", markersize=4) for kind in kinds}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _draw(panel: Any, result: Figures, colour: str) -> None:  # noqa: ANN401 - of matplotlib
    curve = sorted(result["curve"], key=lambda point: point["recall_at_100"])
    times = [point["p50_ms"] for point in curve]
    panel.plot(times, [point["recall_at_100"] for point in curve], "o-", color=colour, markersize=3, linewidth=1.2)
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none"}
    panel.plot([result["p50_ms"]], [result["recall_at_100"]], color=colour, **ring)
