"""Ray on this machine and on the loopback interface alone, whose processes can import the parts of the benchmarks."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTS = 8
OPTIONS = {
    "num_gpus": 0,
    "include_dashboard": False,
    "object_store_memory": 80 << 20,  # what shards and workers send is small
    "log_to_driver": False,
    "configure_logging": False,
    "_node_ip_address": "127.0.0.2",  # Ray replaces 127.0.0.1 by the address of another interface
}


@contextmanager
def ray_here(cpus: int) -> Iterator[str]:
    """Start Ray, connect this process, and yield the address. Ray ends with the block.

    Args:
        cpus: What Ray may hand out, whatever the machine has.
    """
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # the path of a socket has at most 107 characters
    token = folder / "token"
    token.write_text(secrets.token_hex(32), encoding="ascii")
    settings = {
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(folder),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_worker_niceness": "0",  # by itself it gives workers the least priority but four
        "RAY_memory_monitor_refresh_ms": "0",  # else it ends workers where other programs fill the memory
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    import ray  # of the extra "ray"; it reads its settings now

    try:
        for left in reversed(range(STARTS)):
            try:
                ray.init(address="local", num_cpus=cpus, _temp_dir=str(folder), **OPTIONS)
                break
            except Exception:  # on a busy machine it gives up after half a minute, with no error of its own kind
                ray.shutdown()
                if not left:
                    raise
        yield ray.get_runtime_context().gcs_address
    finally:
        ray.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)
