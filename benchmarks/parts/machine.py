"""The machine that a benchmark runs on: processor, cores, memory, threads and installed versions."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def processor() -> str:
    """Return the name of the processor."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int | None:
    """Return the bytes that are available without swapping; None where the system does not say."""
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Return the versions of Python and of the packages; None for one that is not installed."""
    installed: dict[str, str | None] = {"python": platform.python_version()}
    for name in packages:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            installed[name] = None
    return installed


def set_threads(count: int) -> None:
    """Set the number of threads of torch, FAISS and the tokenizers in this process.

    Call it before anything is computed: the tokenizers read their number once.
    """
    import faiss  # takes seconds with torch, and the other functions need neither
    import torch

    os.environ["RAYON_NUM_THREADS"] = str(count)
    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)


def describe(device: str) -> dict[str, object]:
    """Return what a report says of the machine."""
    import torch

    graphics = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    environment = os.environ.get("OMP_NUM_THREADS")
    return {
        "processor": processor(),
        "cores": cores(),
        "graphics": graphics,
        "torch_threads": torch.get_num_threads(),
        "omp_num_threads": environment,
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
