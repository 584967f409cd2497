"""The tables and the plot of clustering_cost.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parts.tables.markdown import Record, markdown


@dataclass(frozen=True, slots=True)
class Seconds:
    """An estimate with its 95 % interval."""

    mean: float
    low: float
    high: float

    def times(self, count: int) -> "Seconds":
        """Multiply all three."""
        return Seconds(self.mean * count, self.low * count, self.high * count)


@dataclass(frozen=True, slots=True)
class Cost:
    """What finding the most similar pairs of some sentences costs.

    ``found`` distinct pairs are among the neighbours; the two-stage search scores only these.
    """

    sentences: int
    pairs: int
    all_pairs: Seconds
    embed_seconds: float
    neighbours_seconds: float
    found: int
    two_stages: Seconds


def duration(seconds: float) -> str:
    """Format seconds as hours, minutes or seconds."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def cost_table(costs: Sequence[Record]) -> str:
    """One line for each number of sentences."""
    columns = ["sentences", "pairs", "cross-encoder on all pairs", "95 % interval", "bi-encoder and index"]
    columns += ["of which embedding", "times faster", "pairs among neighbours", "bi-encoder, then cross-encoder"]
    lines: list[list[object]] = []
    for cost in costs:
        every = cost["all_pairs"]
        vectors = cost["embed_seconds"] + cost["neighbours_seconds"]
        interval = f"{duration(every['low'])} to {duration(every['high'])}"
        spent = [duration(vectors), duration(cost["embed_seconds"]), f"{every['mean'] / vectors:,.0f}"]
        both = [cost["found"], duration(cost["two_stages"]["mean"])]
        lines.append([cost["sentences"], cost["pairs"], duration(every["mean"]), interval, *spent, *both])
    return markdown(columns, lines)


def agreement_table(agreement: Record) -> str:
    """One line for each way of choosing the best pairs."""
    columns = [f"the best {agreement['same']} of {agreement['pairs']:,} pairs by", "mean the same, people say"]
    columns += ["shared with the cross-encoder on all pairs"]
    best = agreement["best"].items()
    return markdown(columns, [[name, chosen["same"], chosen["shared_with_all_pairs"]] for name, chosen in best])


def plot(costs: Sequence[Cost], checked: Record, path: Path) -> None:
    """Draw seconds against the number of sentences, both on logarithmic axes."""
    import matplotlib as mpl  # in the extra "bench", and only the plot needs it

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "bicross", "svg.fonttype": "none"}
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    counts = [cost.sentences for cost in costs]
    every = [cost.all_pairs for cost in costs]
    axes.fill_between(counts, [cost.low for cost in every], [cost.high for cost in every], color="C3", alpha=0.2)
    axes.plot(counts, [cost.mean for cost in every], "--", color="C3", label="cross-encoder on all pairs, extrapolated")
    axes.plot([checked["sentences"]], [checked["seconds"]], "o", color="C3", label="the same, measured")
    axes.plot(
        counts, [cost.two_stages.mean for cost in costs], "s-", color="C1", label="bi-encoder, then cross-encoder"
    )
    vectors = [cost.embed_seconds + cost.neighbours_seconds for cost in costs]
    axes.plot(counts, vectors, "o-", color="C0", label="bi-encoder and index, measured")
    for seconds, name in ((1, "a second"), (60, "a minute"), (3600, "an hour"), (86400, "a day")):
        axes.axhline(seconds, color="grey", linewidth=0.5, linestyle=":")
        axes.annotate(name, (counts[0], seconds), fontsize="x-small", color="grey", va="bottom")
    axes.set(xscale="log", yscale="log", xlabel="sentences", ylabel="processor seconds to find the most similar pairs")
    axes.legend(fontsize="small", loc="upper left")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
