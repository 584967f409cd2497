"""Servers in processes of their own: bicross serve, and the recipe that people write."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from parts.serving.clients import wait_for

HERE = Path(__file__).parents[2]
LOADING = (
    "from bicross.pipelines import SearchPipeline; SearchPipeline.open({index!r}, reranker={reranker!r}).search('x')"
)
"""What a program that uses the library does before it can answer."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        name: What it is called in the report.
        port: Its port on this machine.
        process: Its process.
        ready_seconds: The time from its start until it took requests.
    """

    name: str
    port: int
    process: subprocess.Popen[bytes]
    ready_seconds: float

    @property
    def cpu_seconds(self) -> float:
        """The seconds of all cores that its process has computed."""
        numbers = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_mb(self) -> float:
        """The million bytes of its memory that are in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def serve_command(index: Path, reranker: str, *options: str) -> list[str]:
    """Return the words that start bicross serve, without its memory of scores: requests come again in long runs."""
    words = ["-m", "bicross.pipelines.commands.app", "serve", str(index), "--reranker", reranker, "--cache-mb", "0"]
    return [sys.executable, *words, *options]


def recipe_command(*arguments: str) -> list[str]:
    """Return the words that start the recipe."""
    return [sys.executable, "-m", "parts.serving.recipe", *arguments]


@contextmanager
def running(name: str, command: Sequence[str]) -> Generator[Server]:
    """Run a server while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--port", str(port)], env=environment(), stdout=subprocess.DEVNULL)
    try:
        wait_for(port, "/health/ready", lambda: process.poll() is None)
        yield Server(name, port, process, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait()


def seconds_to_load(index: Path, reranker: str) -> float:
    """Return how long a new process takes to load the library and the models, and to answer a query."""
    started = time.perf_counter()
    program = LOADING.format(index=str(index), reranker=reranker)
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True, capture_output=True)
    return time.perf_counter() - started


def environment() -> Mapping[str, str]:
    """Return the environment in which a process finds this folder."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
