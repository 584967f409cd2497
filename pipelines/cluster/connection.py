"""Connects this process to Ray: to a cluster by its address, or to one that it starts on this machine."""

import importlib
import os
from concurrent.futures import Future
from typing import Any, cast

from ...errors import ArgumentError, ClusterError, MissingPackage
from ...errors.arguments import described

LOCAL = "local"
"""The address of a Ray that is started on this machine, and ends with this process."""


def require_ray() -> Any:  # noqa: ANN401 - the module, whose types are known where it is installed
    """Return the module ``ray``.

    Raises:
        MissingPackage: It is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "a cluster needs ray, which is not installed: pip install 'bicross[ray]'", name="ray"
        ) from error


def connected_ray(address: str | None = None) -> Any:  # noqa: ANN401 - as for require_ray
    """Return the module ``ray``, connected to a cluster. A connection that the process has already is used as it is.

    Args:
        address: "HOST:PORT" of a cluster, "auto" for the one that runs on this machine, or "local" for one of this
            process alone; None is "local".

    Raises:
        ArgumentError: The address is not a text, or not that of the cluster that the process is connected to.
        ClusterError: There is no cluster at the address.
        MissingPackage: Ray is not installed.
    """
    if not isinstance(cast("object", address), str | None) or address == "":
        raise ArgumentError(f"the address of a cluster must be HOST:PORT, 'auto' or 'local', not {described(address)}")
    ray = require_ray()
    if ray.is_initialized():
        connected = ray.get_runtime_context().gcs_address
        if address not in (None, "auto", LOCAL, connected):
            raise ArgumentError(f"this process is connected to the Ray at {connected}, and cannot be to {address} too")
        return ray
    # Ray reports its use to its makers unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address in (None, LOCAL):
        options["include_dashboard"] = False
        # By itself Ray gives its workers a niceness of 15: on a busy machine a shard would answer thirty times later.
        os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        ray.init(address=address or LOCAL, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:  # AuthenticationError is a RuntimeError
        reason = str(error).strip().partition("\n")[0]
        raise ClusterError(
            f"there is no Ray at {address or LOCAL} that takes this process: {reason}. Start one with "
            "`ray start --head`, or leave the address out"
        ) from error
    return ray


def failed_if_left(ray: Any) -> "Future[Any] | None":  # noqa: ANN401 - as for require_ray
    """Return a failed answer where this process has left its cluster, and None where it is connected.

    Ray connects a process without a cluster to a new one at the next call of an actor, even one that is made while
    ``ray.shutdown`` runs, which then never ends.
    """
    if ray.is_initialized():
        return None
    answer = Future[Any]()
    answer.set_exception(ClusterError("this process has left Ray (ray.shutdown was called); open what it served again"))
    return answer
