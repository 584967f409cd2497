"""Takes standard input and output for the protocol: nothing else is written there, whatever a library prints."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ....errors import ArgumentError


@dataclass(frozen=True, slots=True)
class ProtocolStreams:
    """The file descriptors of the protocol.

    Attributes:
        reads: What the agent writes.
        writes: What the agent reads.
    """

    reads: int
    writes: int


@contextmanager
def protocol_streams() -> Generator[ProtocolStreams]:
    """Take standard input and output for the protocol while the block runs.

    What a library prints meanwhile, in Python or in C, goes to standard error, and what reads standard input finds its
    end. Enter this before anything is imported that may print.

    Raises:
        ArgumentError: One of them is closed.
    """
    try:
        streams = ProtocolStreams(os.dup(0), os.dup(1))
    except OSError:
        raise ArgumentError(
            "standard input or output is closed, and an agent talks over them; give --http to listen on a port"
        ) from None
    sys.stdout.flush()
    _point(0, os.open(os.devnull, os.O_RDONLY))
    try:
        other = os.dup(2)
    except OSError:
        other = os.open(os.devnull, os.O_WRONLY)
    _point(1, other)
    try:
        yield streams
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(streams.reads, 0)
        os.dup2(streams.writes, 1)


def _point(descriptor: int, other: int) -> None:
    os.dup2(other, descriptor)
    os.close(other)
