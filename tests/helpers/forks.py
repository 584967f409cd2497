"""Runs a function in a forked child, which can be killed and cannot hang. Knows no index."""

import multiprocessing
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any


class forked:  # noqa: N801 - used like a function
    """``with forked(task) as child`` runs ``task(send)`` in a forked child, which is dead on leaving the block.

    Forking, and not starting anew, costs a millisecond and allows any function as the task. The parent may have
    threads, of which the child has none: it must not wait for one. OpenMP in a child does when it wants several
    threads, so faiss is told to make do with one; Arrow and OpenBLAS begin anew in a child by themselves.
    """

    def __init__(self, task: Callable[[Callable[[Any], object]], object]) -> None:
        self._task = task
        self.exit_code: int | None = None

    def __enter__(self) -> "forked":
        self._receiver, sender = multiprocessing.Pipe(duplex=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 and later, on the threads; see above
            self.pid = os.fork()
        if self.pid == 0:
            try:
                self._receiver.close()
                if faiss := sys.modules.get("faiss"):
                    faiss.omp_set_num_threads(1)
                self._task(sender.send)
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - the child must end here
                sender.send(("error", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"))
            finally:
                os._exit(1)
        sender.close()
        return self

    def receive(self, timeout: float) -> Any:
        """The next thing that the child sends; None when it has died. A child that is silent too long is an error."""
        if not self._receiver.poll(timeout):
            raise AssertionError(f"the child hangs: nothing was heard of it for {timeout} seconds")
        try:
            return self._receiver.recv()
        except (EOFError, OSError):
            return None

    def kill(self) -> None:
        """``kill -9``; what the child had sent before can still be received."""
        if self.exit_code is None:
            os.kill(self.pid, 9)

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self.kill()
        self._receiver.close()
        self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
