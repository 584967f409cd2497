"""The tables of ten_million.py, cluster_build.py and cluster_search.py."""

from collections.abc import Callable, Sequence

from parts.tables.markdown import Record, markdown


def ten_million_table(report: Record) -> str:
    """One line for each search: what it reached, how long it took, and how that compares with exact search."""
    search, rows = report["search"], report["settings"]["rows"]
    scale = rows / search["exact_rows"]
    lines: list[list[object]] = []
    for name, times in search["times"].items():
        _, _, setting = name.partition(", ")
        settings = _settings(report["settings_of"].get(setting, {}))
        recall = report["recall_at_100"].get(setting)
        lines.append(
            [
                name if setting else f"{name} among {search['exact_rows']:,} rows",
                settings,
                "1" if recall is None else f"{recall:.4f}",
                times["p50_ms"],
                times["p99_ms"],
                "-" if times["cpu_ms"] is None else times["cpu_ms"],
                f"{times['ratio_to_exact'] / scale:.4f}" if setting else f"{1 / scale:g}",
            ]
        )
    columns = ("search", "settings", "recall@100", "p50 ms", "p99 ms", "processor ms", "p50 / exact search of all")
    return markdown(columns, lines)


def ten_million_builds_table(report: Record) -> str:
    """One column for each target recall: what building took, and what was built."""
    indexes, rows = report["indexes"], report["settings"]["rows"]
    lines: list[list[object]] = []

    def line(name: str, value: Callable[[Record], object]) -> None:
        lines.append([name, *(value(of) for of in indexes.values())])

    line("chosen by `auto`", lambda of: of["index"]["factory"])
    line("settings", lambda of: _settings(of["index"]["settings"]))
    line("processor time, s", lambda of: f"{of['build']['cpu_seconds']:,.0f}")
    line("build, s", lambda of: f"{of['build']['seconds']:,.0f}")
    line("of these until all rows were given, s", lambda of: f"{of['build']['given_seconds']:,.0f}")
    line("rows a second of processor time", lambda of: f"{rows / of['build']['cpu_seconds']:,.0f}")
    line("load average at the end, 2 cores", lambda of: f"{of['build']['load']:.1f}")
    line("peak memory, MB", lambda of: f"{of['build']['peak_memory_bytes'] / 1e6:,.0f}")
    line("most on disk while it was built, MB", lambda of: f"{of['build']['peak_disk_bytes'] / 1e6:,.0f}")
    line("segments", lambda of: of["index"]["segments"])
    line("index on disk, MB", lambda of: f"{of['index']['bytes'] / 1e6:,.0f}")
    line("of these vectors, MB", lambda of: f"{of['index']['vector_file_bytes'] / 1e6:,.0f}")
    line("claimed recall@100", lambda of: _recall(of["index"]["claimed_recall_at_100"]))
    chosen = {target: report["recall_at_100"][f"recall {target}, as chosen"] for target in indexes}
    lines.append(["recall@100 of the real queries", *map(_recall, chosen.values())])
    return markdown([f"{rows:,} rows, target recall@100", *indexes], lines)


def _recall(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _settings(settings: Record) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items() if value)


def cluster_build_table(result: Record) -> str:
    """One line for each number of workers, beside one process."""
    lines: list[list[object]] = []
    for build in result["builds"]:
        ratios, runs = build["ratio"], build["runs"]
        sent = [(run["to_workers"] + run["from_workers"]) / 1e3 for run in runs] if build["workers"] else []
        by = f"{build['workers']} worker{'s' if build['workers'] > 1 else ''}" if build["workers"] else "one process"
        equal = {None: "-", True: "yes", False: "no"}[build["equal_after_compaction"]]
        lines.append(
            [
                by,
                build["cpu_seconds"],
                f"{ratios['cpu_seconds']:.2f}",
                build["seconds"],
                f"{ratios['seconds']:.2f}",
                max(sent) if sent else "-",
                equal,
            ]
        )
    columns = (
        *("built by", "processor s", "/ one process", "s", "/ one process"),
        *("KB to and from workers", "equal files, compacted"),
    )
    return markdown(columns, lines)


def cluster_search_table(rows: Sequence[Record]) -> str:
    """One line for each way of searching and each number of shards, beside one process."""
    lines = [
        [
            row["mode"],
            row["searched"].replace("1 shards", "1 shard"),
            row["p50_ms"],
            row["p99_ms"],
            f"{row['ratio']:.2f}",
            row.get("calls", "-"),
            *(row[name] / 1e3 if name in row else "-" for name in ("to_shards", "from_shards")),
        ]
        for row in rows
    ]
    columns = ("search by", "in", "p50 ms", "p99 ms", "p50 / one process", "calls", "KB to shards", "KB back")
    return markdown(columns, lines)


def late_table(rows: Sequence[Record]) -> str:
    """One line for each trouble of the first replica of a shard, with and without a second replica."""
    lines = [
        [
            row["shard_0"],
            row["replicas"],
            row["p50_ms"],
            row["p95_ms"],
            row["p99_ms"],
            row["slowest_ms"],
            f"{100 * row['extra_calls']:.1f} %",
        ]
        for row in rows
    ]
    columns = ("the first replica of shard 0", "replicas", "p50 ms", "p95 ms", "p99 ms", "slowest ms", "extra calls")
    return markdown(columns, lines)
