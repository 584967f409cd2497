"""Markdown tables and the cells that several of them share."""

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
"""A JSON object of a result file."""

SIGNIFICANT = 0.05


def markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table.

    Args:
        columns: The header.
        rows: The cells. None is an empty cell; floats below ten get two digits after the point, larger ones fewer.
    """
    lines = [columns, ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    size = abs(value)
    return f"{value:,.0f}" if size >= 999.95 else f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"


def percent(share: float | None) -> str | None:
    """Format a share as a percentage."""
    return None if share is None else f"{100 * share:.0f} %"


def difference_cell(difference: Record | None) -> str:
    """Format a difference with its 95 % interval; * marks p < 0.05."""
    if difference is None:
        return ""
    return gain_cell(difference, mark="*" if difference["p_value"] < SIGNIFICANT else "")


def gain_cell(gain: Record, *, mark: str = "") -> str:
    """Format a difference with its 95 % interval."""
    return f"{gain['mean']:+.4f}{mark} ({gain['low']:+.4f} to {gain['high']:+.4f})"


def mean_cells(means: Record, measures: Sequence[str]) -> list[str]:
    """Format the mean of each measure."""
    return [f"{means[measure]['mean']:.4f}" for measure in measures]
