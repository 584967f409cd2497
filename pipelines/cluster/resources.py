"""Shares: how many actors there are, and the cores and GPUs of each."""

from dataclasses import dataclass
from typing import Any

CPU, GPU = "CPU", "GPU"
MOST_PROCESSES = 10_000
"""More of one kind are a slip of the pen: they would be started one by one."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What each of some actors has.

    Attributes:
        count: How many actors there are.
        cpus: The cores of each.
        gpus: The GPUs of each; a part of one may be shared.
    """

    count: int
    cpus: float
    gpus: float

    @classmethod
    def of(cls, ray: Any, *, count: int | None, cpus: float | None, gpus: float | None, device: object) -> "Shares":  # noqa: ANN401 - the module
        """Share out what a cluster has.

        Args:
            ray: The module, connected.
            count: How many actors; None: one for each GPU, or else one for each machine.
            cpus: The cores of each; None: an even share, at most of one machine.
            gpus: The GPUs of each; None: one, or an even share where there are fewer GPUs than actors.
            device: Where models run; "cpu" needs no GPU.
        """
        there = ray.cluster_resources()
        nodes = max(1, sum(1 for node in ray.nodes() if node["Alive"]))
        all_gpus = 0.0 if device == "cpu" else float(there.get(GPU, 0.0))
        count = count or int(all_gpus) or nodes
        if gpus is None:
            gpus = min(1.0, all_gpus / count)
        if cpus is None:
            share = float(there.get(CPU, 1.0)) / max(count, nodes)
            cpus = float(int(share)) if share >= 1 else share
        return cls(count, cpus, gpus)
