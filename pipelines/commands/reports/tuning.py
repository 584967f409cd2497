"""A tuning as tables for a terminal and as a record for JSON."""

from dataclasses import asdict

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ....errors.counts import counted
from ....retrieval import NormalisedSum, TermShare
from ...evaluation import Estimate
from ...search import KnownFusion, fusion_record
from ...tuning import Calibrated, Configuration, Tuning
from ..terminal import plain
from .evaluation import long_query_notes


def tuning_record(tuning: Tuning) -> dict[str, object]:
    """A tuning as a record for JSON; ``tuned`` has the settings that the index stores."""
    means = tuning.grid.ndcg.mean(axis=1).tolist()
    settings = zip(tuning.grid.configurations, means, strict=True)
    return {
        "collection": tuning.collection,
        "queries": tuning.queries,
        "queries_cut": tuning.queries_cut,
        "queries_skipped": tuning.queries_skipped,
        "stored": tuning.stored,
        "reason": tuning.reason,
        "recommended": _setting(tuning.recommended),
        "default": _setting(tuning.default),
        "expected": asdict(tuning.expected),
        "held_out": asdict(tuning.held_out),
        "depths": [{"depth": depth, **asdict(estimate)} for depth, estimate in tuning.depths],
        "recall": [{"k": k, "recall": recall} for k, recall in tuning.recall],
        "latencies": [asdict(latency) for latency in tuning.latencies],
        "latency_budget_ms": tuning.latency_budget_ms,
        "calibration": None if tuning.calibrated is None else _calibration(tuning.calibrated),
        "settings": [{**_setting(configuration), "ndcg_at_10": mean} for configuration, mean in settings],
        "tuned": tuning.tuned.to_dict(),
    }


def tuning_tables(tuning: Tuning, path: str) -> Group:
    """What ``bicross tune`` shows: every first stage, every depth, held-out quality, and what searches use now."""
    tables = [_first_stage_table(tuning), _depth_table(tuning), _blend_table(tuning), _held_out_table(tuning)]
    parts = [*tables, plain(tuning.reason)]
    if tuning.calibrated is not None:
        parts.append(plain(_calibrated_words(tuning.calibrated)))
    parts += map(plain, long_query_notes(tuning.queries_cut, tuning.queries_skipped))
    parts.append(plain(_outcome(tuning, path)))
    lines: list[Table | Text] = []
    for part in parts:
        lines += [part, Text("")]
    return Group(*lines[:-1])


def words(configuration: Configuration) -> str:
    """A setting in words, as in "hybrid, lexical weight 0.3, no reranking"."""
    depth, blend = configuration.depth, configuration.blend
    reranking = f"{depth} reranked, blend {blend:g}" if depth else "no reranking"
    return f"{first_stage_words(configuration)}, {reranking}"


def first_stage_words(configuration: Configuration) -> str:
    """The first stage of a setting in words."""
    return _fusion_words(configuration.fusion) + ("" if configuration.feedback is None else ", feedback")


def _fusion_words(fusion: KnownFusion | None) -> str:
    if fusion is None:
        return "vectors alone"
    if isinstance(fusion, NormalisedSum):
        return f"hybrid, lexical weight {fusion.lexical_weight:g}"
    if isinstance(fusion, TermShare):
        return f"hybrid, share of the terms, lexical weight {fusion.lexical_weight:g}"
    return "hybrid, reciprocal rank fusion"


def _first_stage_table(tuning: Tuning) -> Table:
    table = _table(f"First stage on {tuning.collection}, {counted(tuning.queries, 'query', 'queries')}", "", "nDCG@10")
    for configuration, values in zip(tuning.grid.configurations, tuning.grid.ndcg, strict=True):
        if configuration.depth == 0:
            table.add_row(first_stage_words(configuration), f"{values.mean():.4f}", style=_mark(configuration, tuning))
    return table


def _depth_table(tuning: Tuning) -> Table:
    latencies = {latency_at_depth.depth: latency_at_depth for latency_at_depth in tuning.latencies}
    names = ("reranked", "nDCG@10", "95% interval", *(("p50 ms", "p95 ms") if latencies else ()))
    table = _table(f"Reranked: {first_stage_words(tuning.shown)}, blend {tuning.shown.blend:g}", *names)
    for depth, estimate in tuning.depths:
        latency = latencies.get(depth)
        times = ["", ""] if latency is None else [f"{latency.median_ms:.1f}", f"{latency.p95_ms:.1f}"]
        chosen = depth == tuning.recommended.depth
        table.add_row(str(depth), *_estimated(estimate), *(times if latencies else []), style="bold" if chosen else "")
    return table


def _blend_table(tuning: Tuning) -> Table:
    shown = tuning.shown
    table = _table(f"By blend: {first_stage_words(shown)}, {shown.depth} reranked", "blend", "nDCG@10")
    for configuration, values in zip(tuning.grid.configurations, tuning.grid.ndcg, strict=True):
        if (configuration.first_stage, configuration.depth) == (shown.first_stage, shown.depth):
            table.add_row(f"{configuration.blend:g}", f"{values.mean():.4f}", style=_mark(configuration, tuning))
    return table


def _held_out_table(tuning: Tuning) -> Table:
    held_out = tuning.held_out
    table = _table("On queries that the choice did not see", "", "nDCG@10", "95% interval")
    rows = {
        "first stage, vectors alone": held_out.plain,
        "first stage as chosen": held_out.alone,
        f"the default: {words(tuning.default)}": held_out.default,
        "the choice among all settings": held_out.best,
    }
    for name, estimate in rows.items():
        table.add_row(name, *_estimated(estimate))
    table.add_row("gain over the first stage", *_estimated(held_out.gain, "+.4f"))
    table.add_row("gain over the default", *_estimated(held_out.gain_over_default, "+.4f"))
    return table


def _outcome(tuning: Tuning, path: str) -> str:
    chosen = f"{words(tuning.recommended)}, of {tuning.retrieve_k} retrieved"
    if tuning.stored:
        lines = [f"Stored in {path}. Searches with this reranker, in any number format, now use: {chosen}."]
    else:
        lines = [f"Not stored. Recommended: {chosen}."]
    if not tuning.recommended.depth:
        lines.append(f"A search that reranks nevertheless uses blend {tuning.shown.blend:g}.")
    if tuning.tuned.stop_rule is not None:
        lines.append(
            f'With rerank_k="auto" (--rerank-k auto) a search stops reranking where at most '
            f"{tuning.tuned.stop_rule.risk:.0%} of the first ten are missed."
        )
    else:
        lines.append(f"No stop rule: {tuning.queries} queries are too few for --rerank-k auto.")
    return " ".join(lines)


def _calibrated_words(calibrated: Calibrated) -> str:
    method = calibrated.calibration.to_dict()["method"]
    return (
        f"Calibrated by {method} on {counted(calibrated.pairs, 'pair')}. On held-out queries the expected calibration "
        f"error goes from {calibrated.ece_before:.4f} to {calibrated.ece_after:.4f}, and the Brier score "
        f"from {calibrated.brier_before:.4f} to {calibrated.brier_after:.4f}."
    )


def _calibration(calibrated: Calibrated) -> dict[str, object]:
    record = asdict(calibrated)
    for name in ("bins_before", "bins_after"):
        record[name] = [asdict(bin_) for bin_ in getattr(calibrated, name) if bin_.pairs]
    return {**record, "calibration": calibrated.calibration.to_dict()}


def _setting(configuration: Configuration) -> dict[str, object]:
    return {
        "first_stage": "dense" if configuration.fusion is None else "hybrid",
        "fusion": fusion_record(configuration.fusion),
        "feedback": None if configuration.feedback is None else asdict(configuration.feedback),
        "rerank_k": configuration.depth,
        "blend": configuration.blend if configuration.depth else None,
    }


def _table(title: str, *columns: str) -> Table:
    table = Table(title=plain(title), title_justify="left", title_style="bold", min_width=len(title))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _estimated(estimate: Estimate, form: str = ".4f") -> list[str]:
    return [f"{estimate.mean:{form}}", f"{estimate.low:{form}} to {estimate.high:{form}}"]


def _mark(configuration: Configuration, tuning: Tuning) -> str:
    recommended = tuning.recommended
    is_recommended = configuration.first_stage == recommended.first_stage and (
        not configuration.depth or configuration == recommended
    )
    return "bold" if is_recommended else ""
