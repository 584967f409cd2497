"""The machine that a benchmark runs on: its name, cores, memory and threads, and what is installed. Knows no model."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def processor() -> str:
    """Its name, as the machine calls it."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Of Python and the libraries that are compared; None where one is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def set_threads(count: int) -> None:
    """Let torch, FAISS and the tokenizers of this process compute on so many; bicross has no setting of its own.

    To be called before anything is computed: the tokenizers take their number once.
    """
    import faiss  # with torch it takes seconds, and whoever asks for a processor's name needs neither
    import torch

    os.environ["RAYON_NUM_THREADS"] = str(count)
    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)


def describe(device: str) -> dict[str, object]:
    """For the report: what ran it."""
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
