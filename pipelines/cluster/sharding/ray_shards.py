"""Shards that are actors of Ray."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from ....errors.arguments import checked_count, checked_path, checked_positive
from ....index import ShardedIndex
from ....index.shards import GenerationKey, Request, Shard
from ..connection import connected_ray, failed_if_left
from ..resources import MOST_PROCESSES
from .router import Router

logger = logging.getLogger("bicross")

Answer = TypeVar("Answer")
DEFAULT_SECONDS = 10.0
THREADS = 8
"""Requests that a shard works on at once."""


def open_sharded(
    path: str | Path,
    *,
    shards: int,
    replicas: int = 1,
    address: str | None = None,
    seconds: float = DEFAULT_SECONDS,
) -> ShardedIndex:
    """Open an index in shards on Ray: each has some segments, and all are searched together.

    Args:
        path: The folder of the index, which every machine of the cluster must find there.
        shards: How many parts to make; an index with fewer segments uses as many shards as it has segments.
        replicas: How many processes have each part. Two survive that one ends, and answer in time where one is slow.
        address: The address of the cluster; as for ``connected_ray``.
        seconds: How long one call of the index may take; a shard that has not answered by then is missing.

    Raises:
        ArgumentError: A number cannot be.
        ClusterError: There is no cluster at the address.
        IndexNotFound: There is no index at ``path``.
        MissingPackage: Ray is not installed.
        ShardsUnavailable: A shard cannot open its part.

    Example:
        >>> index = open_sharded("my-index", shards=3, replicas=2)
        >>> pipeline = SearchPipeline.open(index)
    """
    checked_count(shards, "shards", most=MOST_PROCESSES)
    checked_count(replicas, "replicas", most=MOST_PROCESSES)
    checked_positive(seconds, "seconds")
    folder = checked_path(path).resolve()
    ray = connected_ray(address)
    handles = [[RayShard(ray, str(folder), shard, shards) for _ in range(replicas)] for shard in range(shards)]
    return ShardedIndex(folder, Router(handles), seconds=seconds)


class RayShard:
    """A ``ShardHandle``: an actor that has a shard. Ray starts it anew where its process ends.

    Ray repeats no call, so that a call is answered or fails soon; the router asks another replica. An actor that Ray
    gives up, as where its machine is lost, is replaced.
    """

    def __init__(self, ray: Any, path: str, shard: int, shards: int) -> None:  # noqa: ANN401 - the module
        self._ray = ray
        self._made_of = (path, shard, shards)
        self._replacing = threading.Lock()
        self.actor = self._start()

    def open(self, key: GenerationKey) -> "Future[None]":
        """Open a generation there."""
        return self._result_of(lambda actor: actor.open.remote(key))

    def answer(self, key: GenerationKey, request: Request[Answer]) -> "Future[Answer]":
        """Answer a request there."""
        return self._result_of(lambda actor: actor.answer.remote(key, request))

    def _start(self) -> Any:  # noqa: ANN401 - an actor
        # A worker imports the module of the class, bicross.index alone, and no model.
        actor_class = self._ray.remote(Shard).options(
            num_cpus=0, max_restarts=-1, max_task_retries=0, max_concurrency=THREADS, scheduling_strategy="SPREAD"
        )
        return actor_class.remote(*self._made_of)

    def _result_of(self, call: Callable[[Any], Any]) -> "Future[Any]":
        if (failed := failed_if_left(self._ray)) is not None:
            return failed
        actor, result = self.actor, Future[Any]()

        def done(of_ray: "Future[Any]") -> None:
            error = of_ray.exception()
            if error is None:
                result.set_result(of_ray.result())
                return
            if isinstance(error, self._ray.exceptions.ActorDiedError):
                self._replace(actor)
            # What the shard itself raised stands in an error of Ray's.
            cause = getattr(error, "cause", None)
            result.set_exception(cause if isinstance(cause, Exception) else error)

        call(actor).future().add_done_callback(done)
        return result

    def _replace(self, dead: Any) -> None:  # noqa: ANN401 - an actor
        with self._replacing:
            if self.actor is dead and self._ray.is_initialized():  # else the process is leaving the cluster
                logger.warning("shard %d of %s ended for good, and is started anew", self._made_of[1], self._made_of[0])
                self.actor = self._start()
