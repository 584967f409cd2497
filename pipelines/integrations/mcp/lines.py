"""Lines of the protocol, read and written by threads of their own: a client that is slow blocks nothing else."""

import asyncio
import os
import queue
import select
import threading
from collections.abc import AsyncGenerator
from contextlib import suppress

WAITING_LINES = 64
"""The most lines that are read ahead."""


class LineReader:
    """Reads lines from a file descriptor until its end.

    The thread ends with the process: nothing else can end a read of standard input.

    Args:
        descriptor: What to read.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_LINES)
        threading.Thread(target=self._read, name="agent reader", daemon=True).start()

    async def lines(self) -> AsyncGenerator[bytes]:
        """Yield the lines that are not blank."""
        while (line := await self._lines.get()) is not None:
            if line.strip():
                yield line

    def _read(self) -> None:
        with os.fdopen(self._descriptor, "rb", closefd=False) as stream, suppress(OSError):
            for line in stream:
                if not self._put(line):
                    return
        self._put(None)

    def _put(self, line: bytes | None) -> bool:
        """Wait until there is room for a line; tell whether anybody still takes lines."""
        putting = self._lines.put(line)
        try:
            asyncio.run_coroutine_threadsafe(putting, self._loop).result()
        except RuntimeError:  # the loop is closed
            putting.close()
            return False
        return True


class LineWriter:
    """Writes lines to a file descriptor, one after the other.

    Args:
        descriptor: Where to write.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="agent writer", daemon=True).start()

    async def write(self, line: bytes) -> None:
        """Write a line.

        Raises:
            OSError: Nobody reads any more.
        """
        written: asyncio.Future[None] = self._loop.create_future()
        self._lines.put((line + b"\n", written))
        await written

    def is_read(self) -> bool:
        """Tell whether somebody holds the other end, as far as the system knows."""
        if not hasattr(select, "poll"):  # Windows
            return True
        poll = select.poll()
        poll.register(self._descriptor, 0)
        return not any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))

    def _work(self) -> None:
        while True:
            line, written = self._lines.get()
            error: OSError | None = None
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as failed:
                error = failed
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(_settle, written, error)


def _settle(written: "asyncio.Future[None]", error: OSError | None) -> None:
    if written.done():
        return
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
