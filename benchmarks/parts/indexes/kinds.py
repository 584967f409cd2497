"""The kinds of vector index that index_recall.py compares: how each is built, tuned and searched.

Those of bicross use the functions with which ``Index`` chooses, trains and tunes. hnswlib and usearch are tuned in the
same way, on the same sample. The queries of the benchmark take no part in it.
"""

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import faiss
import numpy as np
from bicross.index import VectorLayout
from bicross.index.vectors import (
    FLAT,
    RECALL_AT,
    RECALL_QUERIES,
    TRAINING_ROWS,
    ExactNeighbours,
    SearchSettings,
    VectorIndex,
    choose_factory,
    new_index,
    sample_rows,
    tune,
)
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Search = Callable[[Vectors, int, int], Rows]
"""Takes queries, k and threads; returns row numbers, best first, and -1 where there are none."""

COMPRESSED = "auto-compressed"
"""What auto chooses where vectors may take three quarters of Flat's memory, as it does for more rows."""
KINDS = ("Flat", "auto", COMPRESSED, "SQ8", "IVF", "HNSW32", "hnswlib", "usearch")
GRAPHS = ("HNSW32", "hnswlib", "usearch")
PEERS = ("hnswlib", "usearch")
ADD_ROWS = 50_000
CONNECTIONS = 32
EF_CONSTRUCTION = 200
EFFORTS = (100, 150, 200, 300, 400, 600, 800, 1200)
"""Search effort of graphs: the size of the candidate list. It is at least k = 100."""
LIST_SHARES = (1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)
REFINED = (1, 2, 4, 8, 16, 32)


@dataclass
class Built:
    """An index to measure. ``searches`` has a search for every setting of its curve, ``chosen`` names the tuned one."""

    kind: str
    library: str
    made_of: str
    stored_bytes: int
    seconds: dict[str, float]
    searches: dict[str, Search]
    chosen: str
    claimed: float
    settings: dict[str, int | None] = field(default_factory=dict)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Set the threads of FAISS and of all other libraries of this process while the block runs."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        faiss.omp_set_num_threads(before)


class Collection:
    """Vectors to index, and the exact neighbours of a sample, with which ``Index`` measures its recall."""

    def __init__(self, vectors: Vectors, layout: VectorLayout) -> None:
        self.vectors = vectors
        self.layout = layout
        rows = sample_rows(len(vectors), RECALL_QUERIES, seed=1)
        self.exact = ExactNeighbours(vectors[rows], rows)
        began = perf_counter()
        for block in self.blocks():
            self.exact.add(block)
        self.exact_seconds = perf_counter() - began

    def blocks(self) -> Iterator[Vectors]:
        """Yield the vectors in blocks."""
        for first in range(0, len(self.vectors), ADD_ROWS):
            yield self.vectors[first : first + ADD_ROWS]

    def factory(self, kind: str) -> str:
        """Return the FAISS factory string of this kind for a collection of this size."""
        rows, dimension = self.vectors.shape
        memory = {"auto": self.layout.memory_bytes, COMPRESSED: 3 * rows * dimension}
        if kind in memory:
            return choose_factory(rows, dimension, memory_bytes=memory[kind], target=self.layout.target_recall)
        # FAISS's guide recommends four times the square root of the rows as the number of lists.
        return f"IVF{4 * round(rows**0.5)},Flat" if kind == "IVF" else kind


def build(kind: str, collection: Collection, build_threads: int) -> Built:
    """Build one of ``KINDS``; raises ``ImportError`` for a peer that is not installed."""
    with threads(build_threads):
        if kind in PEERS:
            return _peer(kind, collection, build_threads)
        return _bicross(kind, collection.factory(kind), collection)


def _bicross(kind: str, factory: str, collection: Collection) -> Built:
    """Train on the sample that ``Index`` takes, and tune as it does."""
    vectors, began = collection.vectors, perf_counter()
    index = new_index(factory, vectors[sample_rows(len(vectors), TRAINING_ROWS)])
    trained = perf_counter()
    for block in collection.blocks():
        index.add(block)
    added = perf_counter()
    seconds = {"train": trained - began, "add": added - trained, "exact_neighbours": 0.0, "tune": 0.0}
    settings, claimed = SearchSettings(), 1.0
    if factory != FLAT:
        measured = tune([index], collection.exact, target=collection.layout.target_recall)
        settings, claimed = measured.settings, measured.recall_at_100
        seconds |= {"exact_neighbours": collection.exact_seconds, "tune": perf_counter() - added}
    sizes: list[int] = []
    index.write(lambda part: sizes.append(len(part)))
    return Built(
        kind=kind,
        library="bicross (FAISS)",
        made_of=index.kind,
        stored_bytes=sum(sizes),
        seconds=seconds,
        searches={_label(s): _search(index, s) for s in (*_curve(index), settings)},
        chosen=_label(settings),
        claimed=claimed,
        settings={name: value for name, value in dataclasses.asdict(settings).items() if value is not None},
    )


def _curve(index: VectorIndex) -> list[SearchSettings]:
    tunable = index.tunable
    if "nprobe" in tunable:
        factor = 8 if "k_factor" in tunable else None  # what bicross's own tuning keeps it at
        return [SearchSettings(nprobe=max(1, int(index.lists * s)), k_factor=factor) for s in LIST_SHARES]
    if "ef_search" in tunable:
        return [SearchSettings(ef_search=effort) for effort in EFFORTS]
    return [SearchSettings(k_factor=factor) for factor in REFINED] if "k_factor" in tunable else []


def _label(settings: SearchSettings) -> str:
    return ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(settings).items() if value) or "-"


def _search(index: VectorIndex, settings: SearchSettings) -> Search:
    return lambda queries, k, _: index.search(queries, k, settings=settings)[1]


def _peer(kind: str, collection: Collection, build_threads: int) -> Built:
    """Build one of ``PEERS``, tuned on the same sample and to the same target as bicross."""
    vectors, began = collection.vectors, perf_counter()
    make = _hnswlib if kind == "hnswlib" else _usearch
    add, search, about, size = make(*vectors.shape)
    for first in range(0, len(vectors), ADD_ROWS):
        block = vectors[first : first + ADD_ROWS]
        add(block, np.arange(first, first + len(block)), build_threads)
    added = perf_counter()
    effort, claimed = _effort(search, collection, build_threads)
    return Built(
        kind=kind,
        library=kind,
        made_of=about,
        stored_bytes=size(),
        seconds={
            "train": 0.0,
            "add": added - began,
            "exact_neighbours": collection.exact_seconds,
            "tune": perf_counter() - added,
        },
        searches={f"ef {e}": _with_effort(search, e) for e in EFFORTS},
        chosen=f"ef {effort}",
        claimed=claimed,
        settings={"ef": effort},
    )


GraphSearch = Callable[[Vectors, int, int, int], Rows]


def _with_effort(search: GraphSearch, effort: int) -> Search:
    return lambda queries, k, count: search(queries, k, count, effort)


def _effort(search: GraphSearch, collection: Collection, count: int) -> tuple[int, float]:
    """Return the least effort that reaches the target, or else the best one, and its recall."""
    best = EFFORTS[0], 0.0
    for effort in EFFORTS:
        recall = collection.exact.recall(search(collection.exact.queries, RECALL_AT + 1, count, effort))
        if recall > best[1]:
            best = effort, recall
        if recall >= collection.layout.target_recall:
            break
    return best


Graph = tuple[Callable[[Vectors, Rows, int], None], GraphSearch, str, Callable[[], int]]
"""Functions to add and to search, a description, and a function for the stored size."""


def _hnswlib(rows: int, dimension: int) -> Graph:
    index: Any = importlib.import_module("hnswlib").Index("ip", dimension)
    index.init_index(rows, M=CONNECTIONS, ef_construction=EF_CONSTRUCTION, random_seed=0)

    def search(queries: Vectors, k: int, count: int, effort: int) -> Rows:
        index.set_ef(effort)
        return index.knn_query(queries, k, num_threads=count)[0].astype(np.int64)

    def add(vectors: Vectors, numbers: Rows, count: int) -> None:
        index.add_items(vectors, numbers, num_threads=count)

    return add, search, f"M {CONNECTIONS}, ef_construction {EF_CONSTRUCTION}, float32", index.index_file_size


def _usearch(_: int, dimension: int) -> Graph:
    """Make an index in the number format that usearch chooses on this machine."""
    index: Any = importlib.import_module("usearch.index").Index(
        ndim=dimension, metric="ip", connectivity=CONNECTIONS, expansion_add=EF_CONSTRUCTION
    )

    def search(queries: Vectors, k: int, count: int, effort: int) -> Rows:
        index.expansion_search = effort
        matches = index.search(queries[0] if len(queries) == 1 else queries, k, threads=count)
        rows = np.full((len(queries), k), -1, np.int64)
        if len(queries) == 1:
            rows[0, : len(matches.keys)] = matches.keys
        else:
            held = np.arange(k) < np.asarray(matches.counts)[:, None]
            rows[held] = matches.keys[held]
        return rows

    def add(vectors: Vectors, numbers: Rows, count: int) -> None:
        index.add(numbers, vectors, threads=count)

    about = f"connectivity {CONNECTIONS}, expansion_add {EF_CONSTRUCTION}, {index.dtype.name.lower()}"
    return add, search, about, lambda: int(index.serialized_length)


def kinds_for(rows: int, *, graphs_up_to: int, leave_out: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the kinds to measure at a size, and why the others are left out."""
    reasons = {kind: f"more than --graphs-up-to {graphs_up_to} rows" for kind in GRAPHS if rows > graphs_up_to}
    reasons |= dict.fromkeys(leave_out, "--leave-out")
    return [kind for kind in KINDS if kind not in reasons], reasons
