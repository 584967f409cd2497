"""Computes a capacity plan."""

import math
from dataclasses import dataclass

from ...errors import ArgumentError
from ...errors.arguments import checked_choice, checked_count, checked_instance, checked_number, checked_positive
from ...index.vectors import FLAT, choose_factory
from . import constants as c

MEASURED_DIMENSION, MEASURED_CANDIDATES = 384, 100
MOST_DOCUMENTS, MOST_DIMENSIONS = 10**13, 65_536
_HOUR = 3600.0


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
        checked_positive(self.memory_bytes, "memory_bytes")
        checked_count(self.cores, "cores")
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
class CapacityPlan:
    """What a collection needs. Bytes, hours and seconds are estimates; ``CONSTANTS`` says what they rest on.

    Attributes:
        documents: Documents.
        dim: The dimension of vectors.
        queries_per_second: Searches.
        passages: Passages.
        layout: The FAISS factory string that ``auto`` chooses for so many.
        vector_bytes: All vectors, which stay in memory.
        index_bytes: The whole index, once.
        replicas: Copies of the index that are served.
        machines_per_copy: Machines that hold one copy.
        shards: Parts of a copy that are searched at the same time.
        shard_search_ms: Milliseconds of a search in one of them, on one thread.
        search_machines: Machines that hold shards.
        rerank_machines: Further machines that encode queries and rerank.
        memory_bytes: The memory that vectors and processes take, on all search machines together.
        memory_per_machine_bytes: The same on one of them.
        disk_bytes: Disk on all search machines together.
        disk_per_machine_bytes: The same on one of them.
        build_disk_bytes: Disk while the index is built: the index, and whole vectors beside it.
        embed_core_hours: Hours of one core to split, tokenise and embed.
        embed_hours: The same on all cores of all machines.
        build_core_hours: Hours of one core to train, code and write, vectors given.
        build_hours: The same on all machines, two cores for each million passages.
        search_core_seconds: Of one query, in all shards of a copy.
        encode_core_seconds: Of one query.
        rerank_core_seconds: Of one query.
        network_bytes_per_query: Between the machine that answers and those with shards.
        network_bytes_per_second: The same for all queries of a second.
    """

    documents: int
    dim: int
    queries_per_second: float
    passages: int
    layout: str
    vector_bytes: float
    index_bytes: float
    replicas: int
    machines_per_copy: int
    shards: int
    shard_search_ms: float
    search_machines: int
    rerank_machines: int
    memory_bytes: float
    memory_per_machine_bytes: float
    disk_bytes: float
    disk_per_machine_bytes: float
    build_disk_bytes: float
    embed_core_hours: float
    embed_hours: float
    build_core_hours: float
    build_hours: float
    search_core_seconds: float
    encode_core_seconds: float
    rerank_core_seconds: float
    network_bytes_per_query: float
    network_bytes_per_second: float

    @property
    def machines(self) -> int:
        """All machines."""
        return self.search_machines + self.rerank_machines


def plan_capacity(  # noqa: PLR0913 - each argument but the first has a default
    documents: int | float,
    *,
    dim: int = MEASURED_DIMENSION,
    queries_per_second: float = 10.0,
    passages_per_document: float = 1.0,
    rerank_k: int = 100,
    machine: Machine | None = None,
    replicas: int = 2,
    search_ms: float = 100.0,
    scanned_share: float = 1.0,
    dtype: str = "float32",
) -> CapacityPlan:
    """Estimate what a collection needs, from measured constants.

    Sizes, and rates of two cores at a million documents, are measured. That they grow in proportion to passages,
    dimensions and cores is arithmetic, and so is everything about more than one machine.

    Args:
        documents: Documents; 1e9 does too.
        dim: The dimension of vectors.
        queries_per_second: Searches, each of which is reranked.
        passages_per_document: Passages of a document, on average.
        rerank_k: Candidates that are retrieved and reranked; 0 reranks none, and retrieves 100.
        machine: The machines; None is 64 GB and 16 cores.
        replicas: The fewest copies of the index that are served.
        search_ms: The most milliseconds that the search in a shard may take, on one thread.
        scanned_share: The share of the vectors that a search reads. From 5 million on ``auto`` reads some lists alone;
            how many it needs there was not measured, so that 1 is what is known.
        dtype: The number format in which passages are embedded: "float32", "bfloat16" or "int8".

    Raises:
        ArgumentError: A value cannot be.

    Example:
        >>> plan_capacity(10**7).machines
        3
    """
    machine = Machine() if machine is None else checked_instance(machine, Machine, "machine")
    count, per_document = _checked_documents(documents), passages_per_document
    passages = math.ceil(count * checked_number(per_document, "passages_per_document", 1e-3, 1e6))
    layout = choose_factory(passages, _checked_dimension(dim))
    costs = _Costs.of(passages, dim, checked_number(scanned_share, "scanned_share", 1e-6, 1.0), rerank_k)
    vector_bytes = passages * _bytes_of_a_vector(layout, dim)
    queries = checked_positive(queries_per_second, "queries_per_second")
    least, limit = checked_count(replicas, "replicas"), checked_positive(search_ms, "search_ms")
    fleet = _Fleet.of(costs, vector_bytes, machine, queries=queries, replicas=least, search_ms=limit)
    cores = (fleet.search_machines + fleet.rerank_machines) * machine.cores
    beside = _bytes_beside_the_vector()
    index_bytes = vector_bytes + passages * beside
    rate = c.EMBEDDED[checked_choice(dtype, "dtype", tuple(c.EMBEDDED))].value / c.MEASURED_CORES
    embed = passages * (1.0 / rate + 1.0 / c.PREPARED.value) / _HOUR
    build = passages * c.MEASURED_CORES / c.BUILT.value / _HOUR
    memory = vector_bytes / fleet.per_copy + c.PROCESS_BYTES.value
    disk = index_bytes / fleet.per_copy * c.DISK_ROOM.value
    retrieved = rerank_k or MEASURED_CANDIDATES
    network = fleet.shards * (c.WHOLE_BYTES.value * dim + c.HIT_BYTES.value * retrieved) + retrieved * beside
    return CapacityPlan(
        documents=count,
        dim=dim,
        queries_per_second=queries,
        passages=passages,
        layout=layout,
        vector_bytes=vector_bytes,
        index_bytes=index_bytes,
        replicas=fleet.copies,
        machines_per_copy=fleet.per_copy,
        shards=fleet.shards,
        shard_search_ms=costs.search / fleet.shards * 1e3,
        search_machines=fleet.search_machines,
        rerank_machines=fleet.rerank_machines,
        memory_bytes=memory * fleet.search_machines,
        memory_per_machine_bytes=memory,
        disk_bytes=disk * fleet.search_machines,
        disk_per_machine_bytes=disk,
        build_disk_bytes=index_bytes + passages * c.WHOLE_BYTES.value * dim,
        embed_core_hours=embed,
        embed_hours=embed / cores,
        build_core_hours=build,
        build_hours=build / min(cores, c.MEASURED_CORES * math.ceil(passages / c.BUILT_TOGETHER.value)),
        search_core_seconds=costs.search,
        encode_core_seconds=costs.encode,
        rerank_core_seconds=costs.rerank,
        network_bytes_per_query=network,
        network_bytes_per_second=network * queries,
    )


@dataclass(frozen=True, slots=True)
class _Costs:
    """The seconds that one core takes for a query, in the steps of a search."""

    search: float
    encode: float
    rerank: float

    @classmethod
    def of(cls, passages: int, dim: int, scanned_share: float, rerank_k: int) -> "_Costs":
        search = passages / 1e6 * c.SEARCHED.value / 1e3 * dim / MEASURED_DIMENSION * scanned_share
        pairs = checked_count(rerank_k, "rerank_k", least=0) / MEASURED_CANDIDATES
        each = c.MEASURED_CORES / 1e3
        return cls(search, c.ENCODED.value * each, c.RERANKED.value * each * pairs)


@dataclass(frozen=True, slots=True)
class _Fleet:
    """The machines that serve an index."""

    per_copy: int
    shards: int
    copies: int
    rerank_machines: int

    @property
    def search_machines(self) -> int:
        return self.per_copy * self.copies

    @classmethod
    def of(
        cls,
        costs: _Costs,
        vector_bytes: float,
        machine: Machine,
        *,
        queries: float,
        replicas: int,
        search_ms: float,
    ) -> "_Fleet":
        by_time = math.ceil(costs.search * 1e3 / search_ms)
        per_copy = max(1, math.ceil(vector_bytes / machine.usable_bytes), math.ceil(by_time / machine.cores))
        shards = max(by_time, per_copy)
        busy = queries * costs.search
        copies = max(replicas, math.ceil(busy / (per_copy * machine.usable_cores)))
        idle = per_copy * copies * machine.usable_cores - busy
        others = max(0.0, queries * (costs.encode + costs.rerank) - idle)
        return cls(per_copy, shards, copies, math.ceil(others / machine.usable_cores))


def _bytes_of_a_vector(layout: str, dim: int) -> float:
    """The bytes of a vector in a layout that ``auto`` chooses: whole, or codes with finer codes beside them."""
    if layout == FLAT:
        return c.WHOLE_BYTES.value * dim
    in_lists = c.LIST_BYTES.value if layout.startswith("IVF") else 0.0
    return (c.CODED_BYTES.value * dim if "Refine" in layout else float(dim)) + in_lists


def _bytes_beside_the_vector() -> float:
    return c.DOCUMENT_BYTES.value + c.TOKENS.value * c.TOKEN_BYTES.value + c.TERM_BYTES.value


def _checked_documents(documents: object) -> int:
    """Return the documents, of which a count such as 1e9 may be a float."""
    whole = int(documents) if isinstance(documents, float) and documents.is_integer() else documents
    if (count := checked_count(whole, "documents")) > MOST_DOCUMENTS:
        raise ArgumentError(f"documents must be at most {MOST_DOCUMENTS:g}, not {count:g}")
    return count


def _checked_dimension(dim: object) -> int:
    if (count := checked_count(dim, "dim")) > MOST_DIMENSIONS:
        raise ArgumentError(f"dim must be at most {MOST_DIMENSIONS}, not {count}")
    return count
