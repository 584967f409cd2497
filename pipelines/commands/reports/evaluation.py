"""An evaluation as tables for a terminal and as a record for JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ....errors.counts import counted
from ...evaluation import CONFIDENCE, Comparison, Estimate, Evaluation, QueryChange, System
from ..terminal import plain, snippet

IDS_SHOWN = 10


def evaluation_record(evaluation: Evaluation) -> dict[str, object]:
    """An evaluation as a record for JSON, with the field names of ``Evaluation`` and without the runs."""
    systems = [
        {
            "name": system.name,
            "means": {name: asdict(mean) for name, mean in system.means.items()},
            "missing": system.missing,
            "values": {name: dict(values) for name, values in system.values.items()},
        }
        for system in evaluation.systems
    ]
    return {
        "measures": evaluation.measures,
        "counts": asdict(evaluation.counts),
        "deeper": evaluation.deeper,
        "systems": systems,
        "comparisons": [asdict(comparison) for comparison in evaluation.comparisons],
    }


def evaluation_report(name: str, evaluation: Evaluation) -> RenderableType:
    """A table for each comparison, or one of the only system; the queries that changed most; and what was counted."""
    parts: list[RenderableType] = []
    for comparison in evaluation.comparisons:
        before, after = evaluation.system(comparison.baseline), evaluation.system(comparison.system)
        parts.append(_comparison_table(name, comparison, before, after))
        measure = evaluation.measures[0]
        parts += _changes(f"Most improved in {measure} by {comparison.system}", comparison.improved)
        parts += _changes(f"Most hurt in {measure} by {comparison.system}", comparison.hurt)
    if not evaluation.comparisons:
        parts += [_system_table(name, system) for system in evaluation.systems]
    return Group(*parts, *(plain(line) for line in notes(evaluation)))


def notes(evaluation: Evaluation) -> Iterator[str]:
    """What a reader of the figures should know, one sentence each."""
    counts = evaluation.counts
    judged = counted(counts.judged, "query has judgments and is measured", "queries have judgments and are measured")
    yield f"{judged}; {counted(counts.without_judgments, 'has none', 'have none')}."
    if counts.without_relevant:
        none = "no relevant document, and"
        singular, plural = f"judged query has {none} counts 0.", f"judged queries have {none} count 0."
        yield counted(counts.without_relevant, singular, plural)
    yield from long_query_notes(counts.queries_cut, counts.queries_skipped)
    for system in evaluation.systems:
        if system.missing:
            none = f"no result from {system.name}, and"
            yield counted(system.missing, f"judged query has {none} counts 0.", f"judged queries have {none} count 0.")
    if counts.unknown_documents and counts.unknown_relevant is not None:
        unknown = counted(counts.unknown_documents, "judged document is", "judged documents are")
        relevant = counted(counts.unknown_relevant, "judgment calls", "judgments call")
        yield f"{unknown} not in the index; {relevant} one of them relevant, so no ranking can reach 1."
    if counts.cut:
        yield f"For {counted(counts.cut, 'query', 'queries')} the list ends at retrieve_k={counts.retrieve_k}."
    if evaluation.deeper:
        yield f"{', '.join(evaluation.deeper)} look further down than retrieve_k={counts.retrieve_k}: raise it."
    yield f"In brackets: {CONFIDENCE:.0%} confidence intervals over queries. p: paired randomisation, uncorrected."


def long_query_notes(cut: Sequence[str], skipped: Sequence[str]) -> Iterator[str]:
    """What became of queries that are too long for the reranker, by their ids, one sentence each."""
    if cut:
        yield f"{_too_long(cut)}, which scores {'its' if len(cut) == 1 else 'their'} beginning: {_some(cut)}."
    if skipped:
        yield f"{_too_long(skipped)}, and left out: {_some(skipped)}."


def _too_long(ids: Sequence[str]) -> str:
    return f"{counted(len(ids), 'query is', 'queries are')} too long for the reranker"


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - IDS_SHOWN:,} more (--json has all)" if len(ids) > IDS_SHOWN else ""
    return ", ".join(ids[:IDS_SHOWN]) + more


def _comparison_table(name: str, comparison: Comparison, before: System, after: System) -> Table:
    columns = [comparison.baseline, comparison.system, "difference", "p", "won/tied/lost"]
    table = _table(name, columns)
    for change in comparison.differences:
        won = change.outcomes
        table.add_row(
            plain(change.measure),
            _interval(before.means[change.measure]),
            _interval(after.means[change.measure]),
            _interval(Estimate(change.mean, change.low, change.high), sign="+"),
            f"{change.p_value:.4f}",
            f"{won.wins}/{won.ties}/{won.losses}",
        )
    return table


def _system_table(name: str, system: System) -> Table:
    table = _table(name, [system.name])
    for measure, mean in system.means.items():
        table.add_row(plain(measure), _interval(mean))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=plain(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("")
    for column in columns:
        table.add_column(plain(column), justify="right")
    return table


def _interval(estimate: Estimate, *, sign: str = "") -> Text:
    """A mean with its interval below it, so that three columns fit into 80 characters."""
    return Text(f"{estimate.mean:{sign}.4f}\n[{estimate.low:.3f}, {estimate.high:.3f}]")


def _changes(title: str, changes: Sequence[QueryChange]) -> list[RenderableType]:
    if not changes:
        return []
    table = Table.grid(padding=(0, 2))
    for justify in ("right", "right", "left"):
        table.add_column(justify=justify)
    table.add_column(overflow="fold", ratio=1)
    for change in changes:
        moved = f"{change.before:.3f} > {change.after:.3f}"
        table.add_row(
            f"{change.after - change.before:+.3f}", moved, plain(change.query_id), plain(snippet(change.query))
        )
    return [Text(f"\n{title}", style="bold"), table, Text("")]
