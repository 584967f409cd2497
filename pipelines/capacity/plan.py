"""Computes a capacity plan."""

import math
from dataclasses import dataclass

from ...errors.arguments import (
    checked_choice,
    checked_instance,
    checked_number,
)
from ...index.vectors import FLAT, choose_factory
from ...index.writing import MERGED_PASSAGES
from . import constants as c
from .fleet import MEASURED_DIMENSION, Costs, Fleet, Machine, checked_most

MOST_DOCUMENTS, MOST_DIMENSIONS, MOST_QUERIES = 10**13, 65_536, 1e9
MOST_CANDIDATES, MOST_REPLICAS = 10_000, 1000
_HOUR = 3600.0


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
        scanned_share: The share of the vectors that a search reads: all of them for the default target recall. For one
            of up to 0.98 an index of 5 million and more has lists, of which a search reads some.
        dtype: The number format in which passages are embedded: "float32", "bfloat16" or "int8".

    Raises:
        ArgumentError: A value cannot be.

    Example:
        >>> plan_capacity(10**7).machines
        3
    """
    machine = Machine() if machine is None else checked_instance(machine, Machine, "machine")
    collection = _Collection.of(documents, passages_per_document, dim)
    share = checked_number(scanned_share, "scanned_share", 1e-6, 1.0)
    costs = Costs.of(
        collection.passages * share,
        dim,
        checked_most(rerank_k, "rerank_k", MOST_CANDIDATES, least=0),
        searched_of(collection.layout),
    )
    fleet = Fleet.of(
        costs,
        collection.vector_bytes,
        machine,
        queries=checked_number(queries_per_second, "queries_per_second", 1e-9, MOST_QUERIES),
        replicas=checked_most(replicas, "replicas", MOST_REPLICAS),
        search_ms=checked_number(search_ms, "search_ms", 1e-3, 1e9),
    )
    rate = c.EMBEDDED[checked_choice(dtype, "dtype", tuple(c.EMBEDDED))].value / c.MEASURED_CORES
    embed = collection.passages * (1.0 / rate + 1.0 / c.PREPARED.value) / _HOUR
    return _plan(collection, costs, fleet, embed_core_hours=embed, cores=fleet.machines * machine.cores)


def _plan(
    collection: "_Collection", costs: Costs, fleet: Fleet, *, embed_core_hours: float, cores: int
) -> CapacityPlan:
    passages, dim = collection.passages, collection.dim
    build = passages * c.MEASURED_CORES / c.BUILT.value / _HOUR
    memory = collection.vector_bytes / fleet.per_copy + c.PROCESS_BYTES.value
    disk = collection.index_bytes / fleet.per_copy * c.DISK_ROOM.value
    to_shards = fleet.shards * (c.WHOLE_BYTES.value * dim + c.HIT_BYTES.value * costs.candidates)
    network = to_shards + costs.candidates * bytes_beside_the_vector()
    return CapacityPlan(
        documents=collection.documents,
        dim=dim,
        queries_per_second=fleet.queries,
        passages=passages,
        layout=collection.layout,
        vector_bytes=collection.vector_bytes,
        index_bytes=collection.index_bytes,
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
        build_disk_bytes=collection.index_bytes + passages * c.WHOLE_BYTES.value * dim,
        embed_core_hours=embed_core_hours,
        embed_hours=embed_core_hours / cores,
        build_core_hours=build,
        build_hours=build / min(cores, c.MEASURED_CORES * math.ceil(passages / c.BUILT_TOGETHER.value)),
        search_core_seconds=costs.search,
        encode_core_seconds=costs.encode,
        rerank_core_seconds=costs.rerank,
        network_bytes_per_query=network,
        network_bytes_per_second=network * fleet.queries,
    )


@dataclass(frozen=True, slots=True)
class _Collection:
    """What is indexed."""

    documents: int
    dim: int
    passages: int
    layout: str
    vector_bytes: float

    @property
    def index_bytes(self) -> float:
        return self.vector_bytes + self.passages * bytes_beside_the_vector()

    @classmethod
    def of(cls, documents: object, passages_per_document: float, dim: object) -> "_Collection":
        count = checked_most(documents, "documents", MOST_DOCUMENTS)
        length = checked_most(dim, "dim", MOST_DIMENSIONS)
        per_document = checked_number(passages_per_document, "passages_per_document", 1e-3, 1e6)
        passages = math.ceil(count * per_document)
        layout = choose_factory(passages, length, segment_rows=MERGED_PASSAGES)
        return cls(count, length, passages, layout, passages * bytes_of_a_vector(layout, length))


def bytes_of_a_vector(layout: str, dim: int) -> float:
    """The bytes of a vector in a layout that ``auto`` chooses: whole, or codes with finer codes beside them."""
    if layout == FLAT:
        return c.WHOLE_BYTES.value * dim
    in_lists = c.LIST_BYTES.value if layout.startswith("IVF") else 0.0
    coded = c.CODED_BYTES.value if "Refine" in layout else 1.0
    return (coded + (c.FINER_BYTES.value if "fp16" in layout else 0.0)) * dim + in_lists


def searched_of(layout: str) -> c.Constant:
    """Return how fast a layout that ``auto`` chooses is searched."""
    if layout == FLAT:
        return c.SEARCHED_WHOLE
    return c.SEARCHED if "Refine" in layout else c.SEARCHED_BYTES


def bytes_beside_the_vector() -> float:
    """Return the bytes on disk of a passage, without its vector."""
    return c.DOCUMENT_BYTES.value + c.TOKENS.value * c.TOKEN_BYTES.value + c.TERM_BYTES.value
