"""The tables of rerank_speed.py, rerank_quality.py, embed_speed.py, latency.py and one_order.py."""

from collections.abc import Mapping, Sequence

from parts.tables.markdown import Record, markdown, percent

PLAIN = "plain recipe"
STAGES = ("encode", "search", "of which fetch", "rerank", "of which tokenise", "total")
NDCG = "nDCG@10"
Reasons = Mapping[str, str]
"""Why something was not measured, by its name."""


def rerank_speed_table(workload: Record, reasons: Reasons) -> str:
    """One line for each reranker on one workload."""
    columns = ["", "p50 ms", "p95 ms", "times faster", "share of peak", "largest score difference", "Kendall tau"]
    columns += ["pairs/s in a batch", "of pairs", "times faster in it", "share of peak in it"]
    batch = workload["batch"]["variants"]
    rows: list[list[object]] = []
    for name, query_figures in workload["one_query"]["variants"].items():
        batch_figures = batch[name]
        nearness = [f"{query_figures['largest_score_difference']:.1g}", f"{query_figures['kendall_tau']:.4f}"]
        single = [
            name,
            query_figures["p50_ms"],
            query_figures["p95_ms"],
            query_figures["times_faster"],
            percent(query_figures["share_of_peak"]),
            *nearness,
        ]
        rate = [
            batch_figures["pairs_per_second"],
            batch_figures["pairs"],
            batch_figures["times_faster"],
            percent(batch_figures["share_of_peak"]),
        ]
        rows.append([*single, *rate])
    return markdown(columns, rows + _not_measured(reasons, len(columns)))


def rerank_quality_table(figures: Sequence[Record]) -> str:
    """One line for each collection and reranker."""
    columns = ["collection", "", "nDCG@10 blended", "difference", "nDCG@10 alone", "difference"]
    columns += ["largest score difference", "Kendall tau"]
    rows: list[list[object]] = []
    for row in figures:
        blended = [f"{row['ndcg_blended']:.4f}", f"{row['difference_blended']:+.4f}"]
        alone = [f"{row['ndcg_alone']:.4f}", f"{row['difference_alone']:+.4f}"]
        nearness = [f"{row['largest_score_difference']:.1g}", f"{row['kendall_tau']:.4f}"]
        rows.append([row["collection"], row["name"], *blended, *alone, *nearness])
    return markdown(columns, rows)


def embed_speed_table(workload: Record, reasons: Reasons) -> str:
    """One line for each encoder on one workload."""
    columns = ["", "documents/s", "times faster", "share of peak", "least cosine", "mean cosine"]
    columns += ["one query p50 ms", "p95 ms", "times faster"]
    queries = workload["one_query"]["variants"]
    rows: list[list[object]] = []
    for name, document_figures in workload["documents"]["variants"].items():
        query_figures = queries[name]
        near = [f"{document_figures['least_cosine']:.5f}", f"{document_figures['mean_cosine']:.5f}"]
        rate = [
            name,
            document_figures["documents_per_second"],
            document_figures["times_faster"],
            percent(document_figures["share_of_peak"]),
            *near,
        ]
        rows.append([*rate, query_figures["p50_ms"], query_figures["p95_ms"], query_figures["times_faster"]])
    return markdown(columns, rows + _not_measured(reasons, len(columns)))


def embed_quality_table(figures: Sequence[Record]) -> str:
    """One line for each collection and encoder."""
    rows = [
        [row["collection"], row["name"], f"{row['ndcg_at_10']:.4f}", f"{row['difference']:+.4f}"] for row in figures
    ]
    return markdown(["collection", "", NDCG, "difference"], rows)


def latency_table(size: Record) -> str:
    """One line for each pipeline and stage at one size, then the first queries of fresh processes."""
    columns = ["", "stage", "p50 ms", "p95 ms", "p99 ms", f"times faster than the {PLAIN}"]
    rows: list[list[object]] = []
    for name, figures in size["warm"].items():
        for stage in STAGES:
            if stage in figures["stages"]:
                faster = figures["times_faster"] if stage == "total" else None
                rows.append([name, stage, *figures["stages"][stage].values(), faster])
    for name, figures in size["cold"].items():
        rows.append([name, "opening a fresh process", figures["open_ms"], None, None, None])
        rows.append([name, "its first query", figures["first_ms"], None, None, figures["times_faster"]])
    return markdown(columns, rows + _not_measured(size["not_measured"], len(columns)))


def latency_title(size: Record) -> str:
    """The size, the documents and the layouts."""
    return f"{size['documents']:,} documents of {size['mean_words']:.0f} words, {size['layout']} (plain: Flat)"


def _not_measured(reasons: Reasons, columns: int) -> list[list[object]]:
    return [[name, reason, *[None] * (columns - 2)] for name, reason in reasons.items()]


def one_order_table(families: Sequence[Record]) -> str:
    """One line for each family and number of candidates."""
    columns = ["family", "candidates", "as it is, p50 ms", "without, p50 ms", "added", "other bits as it is", "without"]
    rows: list[list[object]] = []
    for family in families:
        for row in family["rows"]:
            kept, free = row["variants"]["as it is"], row["variants"]["without"]
            times = [kept["p50_ms"], free["p50_ms"], f"{100 * row['added']:+.1f} %"]
            rows.append([family["family"], row["candidates"], *times, kept["other_bits"], free["other_bits"]])
    return markdown(columns, rows)


def build_stages_table(report: Record) -> str:
    """One line for each stage of a build and for the whole, with both number formats."""
    formats = report["formats"]
    columns = ["stage", *(f"{dtype}, {what}" for dtype in formats for what in ("s alone", "CPU s"))]
    names = next(iter(formats.values()))["stages"]
    rows: list[list[object]] = [
        [name, *(of["stages"][name][key] for of in formats.values() for key in ("wall_seconds", "cpu_seconds"))]
        for name in names
    ]
    return markdown(columns, rows)
