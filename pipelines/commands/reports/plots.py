"""Plots of a tuning, by matplotlib, which the extra ``evaluate`` installs."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....errors import EvaluationError
from ....rerank import Bin
from ...tuning import Calibrated, Tuning
from .tuning import first_stage_words

SIZE = (7.0, 4.5)


def plot_tuning(tuning: Tuning, folder: Path) -> list[Path]:
    """Write ``depth.png``, ``recall.png`` and, where there is a calibration, ``reliability.png``; their paths.

    Raises ``EvaluationError`` where matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"depth": _depth(tuning), "recall": _recall(tuning)}
    if tuning.calibrated is not None:
        drawn["reliability"] = _reliability(tuning.calibrated)
    paths: list[Path] = []
    for name, figure in drawn.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=150)
        paths.append(path)
    return paths


def require_plots() -> None:
    """Raise ``EvaluationError`` where matplotlib is missing, before anything else was done."""
    _figure()


def _depth(tuning: Tuning) -> Any:  # noqa: ANN401 - a figure of matplotlib
    """nDCG@10 by depth with its band, and the latency on the second axis."""
    figure, axes = _figure()
    depths = [depth for depth, _ in tuning.depths]
    estimates = [estimate for _, estimate in tuning.depths]
    axes.fill_between(
        depths,
        [estimate.low for estimate in estimates],
        [estimate.high for estimate in estimates],
        alpha=0.2,
        linewidth=0,
    )
    axes.plot(depths, [estimate.mean for estimate in estimates], marker="o", label="nDCG@10, with its 95% interval")
    axes.axhline(estimates[0].mean, color="grey", linestyle=":", label="first stage")
    axes.axvline(tuning.recommended.depth, color="black", linewidth=0.8, label="recommended")
    axes.set(xlabel="reranked candidates", ylabel="nDCG@10")
    axes.set_title(
        f"{tuning.collection}: {first_stage_words(tuning.shown)}, blend {tuning.shown.blend:g}", parse_math=False
    )
    lines, names = axes.get_legend_handles_labels()
    if tuning.latencies:
        second = axes.twinx()
        measured = [latency.depth for latency in tuning.latencies]
        for share, values in (
            ("median", [latency.median_ms for latency in tuning.latencies]),
            ("95%", [latency.p95_ms for latency in tuning.latencies]),
        ):
            [line] = second.plot(measured, values, color="tab:red", linestyle="--" if share == "95%" else "-")
            lines, names = [*lines, line], [*names, f"latency, {share}"]
        second.set(ylabel="ms a search", ylim=(0, None))
    axes.legend(lines, names, loc="lower right", fontsize="small")
    return figure


def _recall(tuning: Tuning) -> Any:  # noqa: ANN401 - a figure of matplotlib
    """Recall of the first stage by k and, where it was measured, the latency of reranking so many."""
    figure, axes = _figure()
    axes.plot([k for k, _ in tuning.recall], [recall for _, recall in tuning.recall], marker="o", label="recall@k")
    axes.set(xlabel="k: candidates of the first stage", ylabel="recall", ylim=(0, 1.02))
    axes.set_title(f"{tuning.collection}: {first_stage_words(tuning.shown)}", parse_math=False)
    lines, names = axes.get_legend_handles_labels()
    if tuning.latencies:
        second = axes.twinx()
        times = [(latency.depth, latency.median_ms) for latency in tuning.latencies if latency.depth]
        [line] = second.plot([k for k, _ in times], [ms for _, ms in times], color="tab:red")
        second.set(ylabel="ms to rerank them all, median", ylim=(0, None))
        lines, names = [*lines, line], [*names, "latency"]
    axes.legend(lines, names, loc="lower right", fontsize="small")
    return figure


def _reliability(calibrated: Calibrated) -> Any:  # noqa: ANN401 - a figure of matplotlib
    """Relevance against the share that is relevant, before and after calibration; point sizes show numbers of pairs."""
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    for label, bins, error in (
        ("sigmoid", calibrated.bins_before, calibrated.ece_before),
        ("calibrated", calibrated.bins_after, calibrated.ece_after),
    ):
        filled: Sequence[Bin] = [bin_ for bin_ in bins if bin_.pairs]
        x, y = [bin_.probability for bin_ in filled], [bin_.relevant for bin_ in filled]
        axes.plot(x, y, linewidth=0.8)
        sizes = [20 + 200 * bin_.pairs / calibrated.pairs for bin_ in filled]
        axes.scatter(x, y, s=sizes, label=f"{label}: error {error:.3f}")
    axes.set(xlabel="relevance", ylabel="share that is relevant", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axes.set_title("Queries that the calibration was not fitted to")
    axes.legend(fontsize="small")
    return figure


def _figure() -> tuple[Any, Any]:
    """A figure that needs no screen, with its axes."""
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
        canvas: Any = importlib.import_module("matplotlib.backends.backend_agg")
    except ImportError as error:
        raise EvaluationError("plots are matplotlib's: pip install 'bicross[evaluate]'") from error
    figure = figures.Figure(figsize=SIZE, layout="constrained")
    canvas.FigureCanvasAgg(figure)
    return figure, figure.add_subplot()
