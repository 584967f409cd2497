"""Writes a capacity plan for people."""

from .plan import CapacityPlan

_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def quantity(value: float, unit: str = "") -> str:
    """Write a number with three digits and a decimal prefix.

    Args:
        value: The number; it is not negative.
        unit: What it counts, such as "B".

    Example:
        >>> quantity(480_027_875, "B"), quantity(0.25), quantity(12_345)
        ('480 MB', '0.25', '12.3 k')
    """
    size, prefix = next(((size, prefix) for size, prefix in _UNITS if value >= 0.9995 * size), (1.0, ""))
    return f"{value / size:.3g} {prefix}{unit}".rstrip()


def duration(hours: float) -> str:
    """Write a duration in minutes, hours or days."""
    for most, factor, unit in ((1.0, 60.0, "min"), (48.0, 1.0, "h")):
        if hours < most:
            return f"{hours * factor:.3g} {unit}"
    return f"{hours / 24:,.0f} days" if hours >= 2400 else f"{hours / 24:.3g} days"


def plan_rows(plan: CapacityPlan) -> list[tuple[str, str]]:
    """Return the lines of a plan: what each says, and its value."""
    return [
        ("documents", f"{plan.documents:,}"),
        ("passages", f"{plan.passages:,}"),
        ("queries a second", f"{plan.queries_per_second:g}"),
        ("layout", f"{plan.layout}, {plan.vector_bytes / plan.passages:.0f} bytes a vector"),
        ("vectors", quantity(plan.vector_bytes, "B")),
        ("index", quantity(plan.index_bytes, "B")),
        ("machines", str(plan.machines)),
        ("machines that search", f"{plan.search_machines}: {plan.replicas} copies on {plan.machines_per_copy} each"),
        ("further ones that rerank", str(plan.rerank_machines)),
        ("shards of a copy", f"{plan.shards}, {plan.shard_search_ms:.3g} ms a search"),
        ("memory of a search machine", quantity(plan.memory_per_machine_bytes, "B")),
        ("memory of all", quantity(plan.memory_bytes, "B")),
        ("disk of a search machine", quantity(plan.disk_per_machine_bytes, "B")),
        ("disk of all", quantity(plan.disk_bytes, "B")),
        ("disk while building", quantity(plan.build_disk_bytes, "B")),
        ("embedding, one core", duration(plan.embed_core_hours)),
        ("embedding, all machines", duration(plan.embed_hours)),
        ("building, one core", duration(plan.build_core_hours)),
        ("building, all machines", duration(plan.build_hours)),
        (
            "core seconds a query",
            f"{plan.search_core_seconds:.3g} search, {plan.encode_core_seconds:.3g} encode, "
            f"{plan.rerank_core_seconds:.3g} rerank",
        ),
        ("network a query", quantity(plan.network_bytes_per_query, "B")),
        ("network", f"{quantity(plan.network_bytes_per_second, 'B')}/s"),
    ]
