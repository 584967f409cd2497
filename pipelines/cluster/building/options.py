"""ClusterOptions: which cluster builds, with how many workers, and what each of them has."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....errors import ArgumentError
from ....errors.arguments import checked_count, checked_number
from ....inference import Dtype, resolve_dtype
from ...indexing import ChunkDone, ChunkJob, SourceChunk
from ..connection import connected_ray
from ..resources import MOST_PROCESSES, Shares
from .ray_workers import RayWorkers
from .scheduler import run_chunks

logger = logging.getLogger("bicross")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Builds an index on Ray: ``build_index(..., cluster=ClusterOptions(workers=3))``. Needs the extra ``ray``.

    Each worker is a process that loads the models once and writes one chunk after another. One that dies is replaced,
    and what it had in hand is done again; at the end idle workers take over what slow ones have not finished.

    Attributes:
        address: "HOST:PORT" of the cluster, "auto" for one that runs on this machine, or None to start one here that
            ends with this process. A connection that the process has already is used.
        workers: How many workers; None takes one for each GPU, or else one for each machine.
        cpus: The cores that each worker has; None shares them out evenly.
        gpus: The GPUs that each worker has; a part of one may be shared. None takes one where the cluster has any.
        dtype: The number format in which encoders calculate; vectors of two formats are never mixed,
            so "auto" is refused.
        part_bytes: About how many bytes of the source a chunk has; None chooses by the size of the source.

    Raises:
        ArgumentError: One of them is not valid.
    """

    address: str | None = None
    workers: int | None = None
    cpus: float | None = None
    gpus: float | None = None
    dtype: Dtype = "float32"
    part_bytes: int | None = None

    def __post_init__(self) -> None:
        if resolve_dtype(self.dtype, "cpu") != self.dtype:
            raise ArgumentError(
                "dtype='auto' may differ between machines, and such vectors do not mix: name the format"
            )
        for name, most in (("workers", MOST_PROCESSES), ("part_bytes", None)):
            if getattr(self, name) is not None:
                checked_count(getattr(self, name), name, most=most)
        for name in ("cpus", "gpus"):
            if getattr(self, name) is not None:
                checked_number(getattr(self, name), name, 0.0, 10_000.0)
        if self.address is not None and not (isinstance(self.address, str) and self.address):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f"address must be HOST:PORT, 'auto' or 'local', not {self.address!r:.80}")

    def run(self, job: ChunkJob, chunks: Sequence[SourceChunk], done: Callable[[ChunkDone], None]) -> None:
        """See ``ChunkExecutor.run``."""
        ray = connected_ray(self.address)
        shares = Shares.of(ray, count=self.workers, cpus=self.cpus, gpus=self.gpus, device=job.device)
        with RayWorkers(ray, job, shares) as workers:
            run_chunks(chunks, workers, done=done)
