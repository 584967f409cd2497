"""One Ray for the tests of a session, on the loopback interface; its workers can import ``helpers``.

Use: the fixture ``ray_address`` of tests/pipelines/cluster/conftest.py. The test process is connected. Another process
connects with that address and the environment of the test process.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CPUS = 8
"""What Ray may hand out, whatever the machine has: each actor of a test takes one."""
START_TRIES = 4
"""Ray gives a node 30 seconds to start, which a busy machine may not have for it."""


@contextmanager
def local_ray(cpus: int = CPUS) -> Iterator[str]:
    """Start Ray, connect this process, and yield the address."""
    import ray

    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # the path of a socket has at most 107 characters
    token = folder / "token"
    token.write_text(secrets.token_hex(32), encoding="ascii")
    settings = {
        "RAY_AUTH_TOKEN_PATH": str(token),  # else one is written to the user's home
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(folder),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_worker_niceness": "0",  # by itself Ray takes 15: beside other tests its workers would hardly run
        "PYTHONPATH": str(Path(__file__).parents[1]),  # for the processes that Ray starts
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        for tries_left in reversed(range(START_TRIES)):
            try:
                _start(ray, folder, cpus)
                break
            except Exception as error:
                if not tries_left or "timed out during startup" not in str(error):
                    raise
                ray.shutdown()
        yield ray.get_runtime_context().gcs_address
    finally:
        ray.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


def _start(ray, folder: Path, cpus: int) -> None:
    ray.init(
        address="local",
        num_cpus=cpus,
        num_gpus=0,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        log_to_driver=False,
        configure_logging=False,
        _node_ip_address="127.0.0.2",  # Ray replaces 127.0.0.1 by the address of another interface
        _temp_dir=str(folder),
    )
