"""The machines that serve an index: how many hold it, and how many more rerank."""

import math
from dataclasses import dataclass

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_number, described
from . import constants as c

MEASURED_DIMENSION, MEASURED_CANDIDATES = 384, 100


def checked_most(value: object, name: str, most: int, *, least: int = 1) -> int:
    """Return a whole number, which may be a float such as 1e9.

    Raises:
        ArgumentError: It is no whole number, or not from ``least`` to ``most``.
    """
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if (count := checked_count(whole, name, least=least)) > most:
        raise ArgumentError(f"{name} must be at most {most:,}, not {described(whole)}")
    return count


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of those that a plan counts.

    Attributes:
        memory_bytes: Its memory.
        cores: Its cores, each as fast as one of the machine of the measurements.
    """

    memory_bytes: float = 64e9
    cores: int = 16

    def __post_init__(self) -> None:
        checked_number(self.memory_bytes, "memory_bytes", 0.0, 1e18)
        checked_most(self.cores, "cores", 100_000)
        if self.usable_bytes <= 0:
            raise ArgumentError(
                f"memory_bytes={self.memory_bytes:g} is too little: a process with its models takes "
                f"{c.PROCESS_BYTES.value:g}, and a share of {1 - c.MEMORY_SHARE.value:g} is for the system"
            )

    @property
    def usable_bytes(self) -> float:
        """The memory that is left for vectors."""
        return self.memory_bytes * c.MEMORY_SHARE.value - c.PROCESS_BYTES.value

    @property
    def usable_cores(self) -> float:
        """The cores that may be busy on average."""
        return self.cores * c.CORE_SHARE.value


@dataclass(frozen=True, slots=True)
class Costs:
    """The seconds that one core takes for a query, in the steps of a search, and the candidates of it."""

    search: float
    encode: float
    rerank: float
    candidates: int

    @classmethod
    def of(cls, vectors: float, dim: int, rerank_k: int, searched: c.Constant) -> "Costs":
        """Compute them from the constants; ``vectors`` are those that a search reads, ``searched`` how fast."""
        search = vectors / 1e6 * searched.value / 1e3 * dim / MEASURED_DIMENSION
        each = c.MEASURED_CORES / 1e3
        rerank = c.RERANKED.value * each * rerank_k / MEASURED_CANDIDATES
        return cls(search, c.ENCODED.value * each, rerank, rerank_k or MEASURED_CANDIDATES)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The machines that serve an index."""

    queries: float
    per_copy: int
    shards: int
    copies: int
    rerank_machines: int

    @property
    def machines(self) -> int:
        """All machines."""
        return self.search_machines + self.rerank_machines

    @property
    def search_machines(self) -> int:
        """Machines that hold shards."""
        return self.per_copy * self.copies

    @classmethod
    def of(
        cls,
        costs: Costs,
        vector_bytes: float,
        machine: Machine,
        *,
        queries: float,
        replicas: int,
        search_ms: float,
    ) -> "Fleet":
        """Compute how many are needed, by memory, by the time of a search in a shard, and by cores."""
        by_time = math.ceil(costs.search * 1e3 / search_ms)
        per_copy = max(1, math.ceil(vector_bytes / machine.usable_bytes), math.ceil(by_time / machine.cores))
        shards = max(by_time, per_copy)
        busy = queries * costs.search
        copies = max(replicas, math.ceil(busy / (per_copy * machine.usable_cores)))
        idle = per_copy * copies * machine.usable_cores - busy
        others = max(0.0, queries * (costs.encode + costs.rerank) - idle)
        return cls(queries, per_copy, shards, copies, math.ceil(others / machine.usable_cores))
