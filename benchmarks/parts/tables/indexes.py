"""The tables of index_recall.py, index_lifecycle.py and many_segments.py, and the plot of the first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts.tables.markdown import Record, markdown

LOWEST = 0.88
"""Recall at the foot of the plot: what finds less is of no use."""
RECALL_COLUMNS = (
    *("kind", "made of", "settings", "build s", "bytes/vector", "recall@10", "recall@100", "claimed"),
    *("p50 ms", "p95 ms", "queries/s", "p50 / Flat", "p50 ms at target"),
)
MEGA = 1e-6
LIFECYCLE: tuple[tuple[str, str, float], ...] = (
    ("build, documents/s, vectors given", "build_documents_per_second", 1),
    ("peak memory while building, MB", "build_peak_bytes", MEGA),
    ("vectors on disk, MB", "vector_file_bytes", MEGA),
    ("whole index on disk, MB", "bytes", MEGA),
    ("open, every checksum verified, files not in memory, s", "open_full_cold_seconds", 1),
    ("open, every checksum verified, files in memory, s", "open_full_warm_seconds", 1),
    ("open by sizes alone, files not in memory, s", "open_size_cold_seconds", 1),
    ("open by sizes alone, files in memory, s", "open_size_warm_seconds", 1),
    ("get 100 random documents by id, p50 ms", "fetch_100_p50_ms", 1),
    ("get 100 random documents by id, p95 ms", "fetch_100_p95_ms", 1),
    ("add in one commit, documents/s", "add_documents_per_second", 1),
    ("upsert in one commit, documents/s", "upsert_documents_per_second", 1),
    ("delete by id in one commit, documents/s", "delete_documents_per_second", 1),
    ("delete one document, ms", "delete_one_seconds", 1e3),
    ("compact, documents/s", "compact_documents_per_second", 1),
    ("peak memory while compacting, MB", "compact_peak_bytes", MEGA),
    ("on disk before compaction, MB", "bytes_before_compaction", MEGA),
    ("on disk after compaction, MB", "bytes_after", MEGA),
    ("verify everything, s", "verify_seconds", 1),
)
"""Lines of the table: label, key in the JSON, and what the value is multiplied by."""


SEGMENTS: tuple[tuple[str, str], ...] = (
    ("open by sizes alone", "open_size"),
    ("open, every checksum verified", "open_full"),
    ("first search after opening by sizes", "first_search"),
    ("search by vectors", "vectors"),
    ("search by words", "words"),
    ("search by both", "both"),
    ("commit of the manifest", "commit"),
)
"""Lines of the table of many segments: label, and key in the JSON."""


def recall_table(size: Record) -> str:
    """One line for each kind of index at one size, as it was tuned; the last column is the time at the target."""
    return markdown(RECALL_COLUMNS, [_recall_cells(result) for result in size["kinds"]])


def _recall_cells(result: Record) -> Sequence[object]:
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
        result["p50_ms"],
        result["p95_ms"],
        f"{result['queries_per_second']:,.0f}",
        result["ratio_to_flat"]["p50_ms"],
        "not reached" if reached is None else _at_target(reached),
    )


def _at_target(point: Record) -> str:
    settings = "" if point["settings"] == "-" else f" ({point['settings']})"
    return f"{point['p50_ms']:.2f}{settings}"


def lifecycle_table(runs: Sequence[Record]) -> str:
    """One line for each operation, one column for each kind of index."""
    columns = [f"{runs[0]['documents']:,} documents", *(_kind(run) for run in runs)]
    return markdown(columns, [[label, *(float(run[key]) * by for run in runs)] for label, key, by in LIFECYCLE])


def _kind(run: Record) -> str:
    kind, factory = run["index_type"], run["vectors"]["factory"]
    return kind if kind == factory else f"{kind} ({factory})"


def segments_table(sizes: Sequence[Record]) -> str:
    """One line for each operation, two columns for each number of segments: the version before and this one."""
    columns = ["processor time, ms"]
    columns += [f"{size['segments']:,} {version}" for size in sizes for version in ("before", "now")]
    rows: list[list[object]] = [
        [label, *(float(size[version][key]["cpu_ms"]) for size in sizes for version in ("before", "after"))]
        for label, key in SEGMENTS
    ]
    return markdown(columns, rows)


def plot(sizes: Sequence[Record], path: Path) -> None:
    """Draw recall@100 against the latency of one query: a panel for each size, a line for each kind.

    A ring marks the setting that tuning chose.
    """
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


def _draw(panel: Any, result: Record, colour: str) -> None:  # noqa: ANN401 - of matplotlib
    curve = sorted(result["curve"], key=lambda point: point["recall_at_100"])
    times = [point["p50_ms"] for point in curve]
    panel.plot(times, [point["recall_at_100"] for point in curve], "o-", color=colour, markersize=3, linewidth=1.2)
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none"}
    panel.plot([result["p50_ms"]], [result["recall_at_100"]], color=colour, **ring)
