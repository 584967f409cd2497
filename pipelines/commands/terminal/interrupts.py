"""Ends a command that is interrupted by Ctrl-C or SIGTERM, and says what it leaves behind.

An index and a training survive a kill at any instruction, so that a command can end while other threads still compute.
"""

import atexit
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM)
UNHEARD_SECONDS = 1.0
"""How long the main thread may compute outside of Python, where it hears no signal."""
AGAIN_SECONDS = 0.1
"""How long Python may take to leave a function in which it drops exceptions."""
UNWINDING_SECONDS = 10.0
"""How long it may take to bring to the disk what is to be kept."""

Message = Callable[[], str]
_messages: list[Message] = []
"""Those of the blocks that are running, the innermost last."""
_said: list[str] = []
"""What the innermost block said that an interrupt has ended."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def saying(message: Message) -> Generator[None]:
    """Run a block; if an interrupt ends it, the command prints what ``message`` returns: what it leaves behind.

    Args:
        message: Called after the block has ended, or from another thread if it does not end.
    """
    _messages.append(message)
    try:
        yield
    except BaseException as error:  # a library that is interrupted may raise an error of its own
        if not _said and (isinstance(error, KeyboardInterrupt) or any(heard.number for heard in _running)):
            _said.append(_asked(message))
        raise
    finally:
        _messages.remove(message)


def nothing_written() -> str:
    """Return what is to be said of a command that keeps nothing."""
    return "Nothing was written: run the same command again."


def part_written() -> str:
    """Return what is to be said of a command that writes each of its lines as it has it."""
    return "What was written is not all: run the same command again."


def unless_written(path: Path) -> Message:
    """Return what is to be said of a command that writes a file as a whole: whether it is there.

    Args:
        path: The file, which has not been written yet.
    """
    before = _state(path)
    return lambda: f"{path} is written." if _state(path) != before else nothing_written()


def _state(path: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        state = path.stat()
        return state.st_ino, state.st_mtime_ns
    return None


def unless_committed(path: Path, nothing: str) -> Message:
    """Return what is to be said of a change of an index: that it is there, or ``nothing``.

    Args:
        path: The folder of the index, which has not been changed yet.
        nothing: What is to be said unless the index gets a new generation.
    """
    from ....index import Index  # not for --help, which loads this module too

    before = Index.on_disk(path).newest

    def message() -> str:
        newest = Index.on_disk(path).newest
        if newest in (before, None):
            return nothing
        return f"The change is committed: {path} is at generation {newest[1] if newest else ''}."

    return message


def said_on_interrupt() -> str:
    """Return what the innermost interrupted block said, and forget it; empty if no block was interrupted."""
    text = _said[0] if _said else ""
    _said.clear()
    return text


@dataclass(slots=True)
class Heard:
    """What the process was asked for, and what it has to say for itself."""

    number: int | None = None
    """The first signal that asked it to end; None for none."""
    code: int | None = None
    """The exit code, once the block has done its work: what ends the process from then on, a signal too."""
    sent_again: int = 0
    """How many signals are on their way that this process sent itself, because Python dropped what the first raised."""


_running: list[Heard] = []
"""Those of the blocks of ``ending_process`` that run."""


@contextmanager
def ending_process() -> Generator[Heard]:
    """Turn Ctrl-C and SIGTERM into ``Interrupted`` in the block, and end the process if the main thread does not.

    The main thread hears a signal only between two instructions of Python. A thread of its own therefore waits for
    signals, too. It ends the process at the second signal, or when the main thread takes too long to hear the first or
    to leave the block. A signal that the process ignores, as a background job of a shell does, stays ignored.

    A block that sets ``code`` has done its work: while Python shuts down, which takes a while with the libraries of
    models, a signal ends the process with that code.
    """
    heard, is_heard, ended = Heard(), threading.Event(), threading.Event()
    _running.append(heard)

    def hear(number: int, frame: FrameType | None) -> None:
        if heard.code is not None:
            os._exit(heard.code)
        if heard.number is not None:
            return  # the watching thread ends the process, while this one is still saving what is to be kept
        heard.number = number
        is_heard.set()
        raise Interrupted(number)

    before_hook = sys.unraisablehook
    sys.unraisablehook = lambda dropped: _hear_again(dropped, heard, before_hook)
    ending = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in ending}
    reader, writer = socket.socketpair()
    writer.setblocking(False)  # noqa: FBT003 - the only way to call it
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: None if ended.is_set() else _restore(before))
    threading.Thread(target=_watch, args=(reader, heard, is_heard, ended), name="signals", daemon=True).start()
    try:
        yield heard
    finally:
        ended.set()
        _running.remove(heard)
        sys.unraisablehook = before_hook
        if heard.code is None:
            _restore(before)
        else:  # Python gives signals back to the system, which would end the process by them, before it takes its time
            signal.set_wakeup_fd(-1)
            atexit.register(_ignore, ending)
        writer.close()


def _hear_again(
    dropped: "sys.UnraisableHookArgs", heard: Heard, before: Callable[["sys.UnraisableHookArgs"], object]
) -> None:
    """Send a signal again whose exception came in a ``__del__`` or a callback, where Python drops exceptions."""
    if not isinstance(dropped.exc_value, Interrupted):
        before(dropped)
        return
    number = dropped.exc_value.number

    def send() -> None:
        time.sleep(AGAIN_SECONDS)  # until the main thread is out of there
        heard.sent_again += 1
        heard.number = None
        os.kill(os.getpid(), number)

    threading.Thread(target=send, name="signal again", daemon=True).start()


def _ignore(numbers: Iterable[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _restore(handlers: Mapping[signal.Signals, object]) -> None:
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)  # pyright: ignore[reportArgumentType]


def _watch(reader: socket.socket, heard: Heard, is_heard: threading.Event, ended: threading.Event) -> None:
    number = _next_ending(reader)
    if number is None:
        return
    if not is_heard.wait(UNHEARD_SECONDS):
        end_now(number)
    threading.Thread(target=_end_at_the_next, args=(reader, heard), name="second signal", daemon=True).start()
    if not ended.wait(UNWINDING_SECONDS):
        end_now(number)


def _end_at_the_next(reader: socket.socket, heard: Heard) -> None:
    number = _next_ending(reader)
    while number is not None and heard.sent_again:
        heard.sent_again -= 1
        number = _next_ending(reader)
    if number is not None:
        end_now(number)


def _next_ending(reader: socket.socket) -> int | None:
    """Wait for the next signal; None when there will be none any more."""
    while received := reader.recv(1):
        if received[0] in ENDING:
            return received[0]
    return None


def end_now(number: int) -> NoReturn:
    """End the process without waiting for any thread, and say what the innermost block leaves behind."""
    text = _said[0] if _said else _asked(_messages[-1]) if _messages else ""
    write_interrupted(text)
    os._exit(128 + number)


def write_interrupted(text: str) -> None:
    """Write that the command was interrupted, and what it leaves behind."""
    sys.stderr.write(f"\nbicross: interrupted. {text}".rstrip() + "\n")
    sys.stderr.flush()


def _asked(message: Message) -> str:
    try:
        return message()
    except Exception:  # noqa: BLE001 - whatever it is, the command must end
        return ""
