"""RayWorkers: one actor of Ray for each worker, and the class that they run."""

from typing import Any

from ...indexing import ChunkBuilder, ChunkDone, ChunkJob, SourceChunk
from ..actor_errors import death_of, sendable
from ..resources import Shares
from .scheduler import Outcome


class ChunkActor:
    """What runs in an actor. It loads the models with its first chunk."""

    def __init__(self, job: ChunkJob) -> None:
        """Only keep the job: an error here would look like the death of the process."""
        self._job = job
        self._builder: ChunkBuilder | None = None

    def build(self, chunk: SourceChunk) -> ChunkDone | Exception:
        """Write a chunk. Errors come back as values: raised, Ray would wrap them and change their type."""
        try:
            if self._builder is None:
                self._builder = ChunkBuilder(self._job)
            return self._builder.build(chunk)
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver decides what becomes of the chunk
            return sendable(error)


class RayWorkers:
    """The workers of one build. Each is a process on a machine with room for it; leaving the block ends them."""

    def __init__(self, ray: Any, job: ChunkJob, shares: Shares) -> None:  # noqa: ANN401 - the module, connected
        """Start actors for chunks that have ``job`` in common; they come up while the first chunks wait for them."""
        self._ray, self._job = ray, job
        # Restarts are the scheduler's: an actor that Ray restarts says nothing about which chunk has killed it.
        self._actor = ray.remote(num_cpus=shares.cpus, num_gpus=shares.gpus, max_restarts=0)(ChunkActor)
        self._actors: dict[int, Any] = {number: self._actor.remote(job) for number in range(shares.count)}
        self._calls: dict[Any, tuple[int, SourceChunk]] = {}

    def __enter__(self) -> "RayWorkers":
        return self

    def __exit__(self, *error: object) -> None:
        for actor in self._actors.values() if self._ray.is_initialized() else ():
            self._ray.kill(actor)

    def idle(self) -> list[int]:
        """See ``Workers.idle``."""
        busy = {worker for worker, _ in self._calls.values()}
        return [worker for worker in self._actors if worker not in busy]

    def start(self, worker: int, chunk: SourceChunk) -> None:
        """See ``Workers.start``."""
        self._calls[self._actors[worker].build.remote(chunk)] = (worker, chunk)

    def wait(self, seconds: float) -> list[Outcome]:
        """See ``Workers.wait``."""
        ready, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=seconds)
        return [self._outcome(call) for call in ready]

    def replace(self, worker: int) -> None:
        """See ``Workers.replace``."""
        self._ray.kill(self._actors[worker])
        self._actors[worker] = self._actor.remote(self._job)

    def _outcome(self, call: Any) -> Outcome:  # noqa: ANN401 - a reference to an object of Ray
        worker, chunk = self._calls.pop(call)
        try:
            result = self._ray.get(call)
        except self._ray.exceptions.RayError as error:  # the process died, its machine is gone, or it cannot start
            return Outcome(worker, chunk, death=f"its worker died ({death_of(error)})")
        if isinstance(result, Exception):
            return Outcome(worker, chunk, error=result)
        return Outcome(worker, chunk, done=result)
