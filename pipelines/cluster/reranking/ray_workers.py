"""RayWorker: a place for a reranker in an actor of Ray, and the class that the actor runs."""

import socket
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

from ....inference import Dtype
from ....rerank import CrossEncoderReranker
from ..actor_errors import death_of, sendable
from ..connection import failed_if_left
from ..resources import Shares
from .requests import Description, Request
from .workers import WorkerDied

Answer = TypeVar("Answer")
MODEL_THREAD, TEXT_THREAD = "model", "texts"
"""Threads of an actor: what only counts tokens must not wait for what is scored."""


@dataclass(frozen=True, slots=True)
class RerankerSpec:
    """The reranker that each worker loads.

    Attributes:
        model: Its name, or a folder that all machines see.
        device: Where it runs; None is the fastest there is.
        dtype: The number format of its layers.
    """

    model: str
    device: str | None
    dtype: Dtype

    def load(self) -> CrossEncoderReranker:
        """Load it, in the process of a worker."""
        return CrossEncoderReranker(self.model, device=self.device, dtype=self.dtype)


class RerankerActor:
    """What runs in an actor. It loads the reranker when it describes it; errors come back as values."""

    def __init__(self, spec: RerankerSpec) -> None:
        """Only keep what to load: an error here would look like the death of the process."""
        self._spec = spec
        self._loading = threading.Lock()
        self._loaded: CrossEncoderReranker | None = None

    def describe(self) -> Description | Exception:
        """Load the reranker, and say what it is."""
        try:
            reranker = self._reranker()
            return Description(
                socket.gethostname(),
                version("bicross"),
                reranker.fingerprint,
                reranker.model_fingerprint,
                reranker.tokenizer_fingerprint,
                reranker.max_length,
                reranker.blend,
                reranker.calibration,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller decides what becomes of the worker
            return sendable(error)

    def answer(self, request: Request[Answer]) -> Answer | Exception:
        """Answer a request."""
        try:
            return request.of(self._reranker())
        except Exception as error:  # noqa: BLE001 - as above
            return sendable(error)

    def _reranker(self) -> CrossEncoderReranker:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._spec.load()
            return self._loaded


class RayWorker:
    """A ``WorkerHandle``: an actor of Ray, in the place of which another one can be started.

    Ray neither restarts it nor repeats calls: whoever asks does, and sees whether a new process has another model.
    """

    def __init__(self, ray: Any, spec: RerankerSpec, shares: Shares) -> None:  # noqa: ANN401 - the module
        self._ray, self._spec = ray, spec
        self._class = ray.remote(
            num_cpus=shares.cpus,
            num_gpus=shares.gpus,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={MODEL_THREAD: 1, TEXT_THREAD: 1},
            scheduling_strategy="SPREAD",
        )(RerankerActor)
        self._actor: Any = None

    def start(self) -> "Future[Description]":
        """Start an actor in the place of the one before."""
        if (failed := failed_if_left(self._ray)) is not None:
            return failed
        self.stop()
        self._actor = self._class.remote(self._spec)
        return self._result_of(self._actor.describe.options(concurrency_group=MODEL_THREAD).remote())

    def ask(self, request: Request[Answer]) -> "Future[Answer]":
        """Put a request to the actor."""
        if (failed := failed_if_left(self._ray)) is not None:
            return failed
        thread = MODEL_THREAD if request.runs_model else TEXT_THREAD
        return self._result_of(self._actor.answer.options(concurrency_group=thread).remote(request))

    def stop(self) -> None:
        """End the actor."""
        if self._actor is not None and self._ray.is_initialized():
            self._ray.kill(self._actor)
        self._actor = None

    def _result_of(self, call: Any) -> "Future[Any]":  # noqa: ANN401 - a reference to an object of Ray
        result = Future[Any]()

        def done(of_ray: "Future[Any]") -> None:
            error = of_ray.exception()
            if error is not None:  # the process died, its machine is gone, or it cannot start
                result.set_exception(WorkerDied(f"its process died ({death_of(error)})"))
                return
            answer = of_ray.result()
            if isinstance(answer, Exception):
                result.set_exception(answer)
            else:
                result.set_result(answer)

        call.future().add_done_callback(done)
        return result
