"""RayWorkers: one actor of Ray for each worker, and the class that they run."""

from typing import Any

from ....errors import BicrossError
from ...indexing import ChunkBuilder, ChunkDone, ChunkJob, SourceChunk
from .scheduler import Outcome

CPU, GPU = "CPU", "GPU"


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
        except BicrossError as error:
            return type(error)(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver decides what becomes of the chunk
            return RuntimeError(f"{type(error).__name__}: {error}")


class RayWorkers:
    """The workers of one build. Each is a process on a machine with room for it; leaving the block ends them."""

    def __init__(
        self,
        ray: Any,  # noqa: ANN401
        job: ChunkJob,
        *,
        count: int | None,
        cpus: float | None,
        gpus: float | None,
    ) -> None:
        """Start actors; they come up while the first chunks wait for them.

        Args:
            ray: The module, connected.
            job: What all chunks have in common.
            count: How many actors; None: one for each GPU, or else one for each machine.
            cpus: The cores of each; None: an even share, at most of one machine.
            gpus: The GPUs of each; None: one, or an even share where there are fewer GPUs than actors.
        """
        self._ray, self._job = ray, job
        there = ray.cluster_resources()
        nodes = max(1, sum(1 for node in ray.nodes() if node["Alive"]))
        all_gpus = 0.0 if job.device == "cpu" else float(there.get(GPU, 0.0))
        count = count or int(all_gpus) or nodes
        if gpus is None:
            gpus = min(1.0, all_gpus / count)
        if cpus is None:
            share = float(there.get(CPU, 1.0)) / max(count, nodes)
            cpus = float(int(share)) if share >= 1 else share
        # Restarts are the scheduler's: an actor that Ray restarts says nothing about which chunk has killed it.
        self._actor = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0)(ChunkActor)
        self._actors: dict[int, Any] = {number: self._actor.remote(job) for number in range(count)}
        self._calls: dict[Any, tuple[int, SourceChunk]] = {}

    def __enter__(self) -> "RayWorkers":
        return self

    def __exit__(self, *error: object) -> None:
        for actor in self._actors.values():
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
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return Outcome(worker, chunk, death=f"its worker died ({lines[0] if lines else type(error).__name__:.300})")
        if isinstance(result, Exception):
            return Outcome(worker, chunk, error=result)
        return Outcome(worker, chunk, done=result)
