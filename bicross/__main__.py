"""The program ``bicross``, also as ``python -m bicross``, for launchers that start a module, such as ``torchrun``."""

import os
import signal
import sys
from importlib import import_module
from types import FrameType


def main() -> int:
    """Run the command line. Ctrl-C during its imports, which take a moment, ends it without a traceback."""
    heard = [
        number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) not in (None, signal.SIG_IGN)
    ]
    before = {number: signal.signal(number, _end) for number in heard}
    import_module("bicross.pipelines.commands.terminal")
    run = import_module("bicross.pipelines.commands.app").main
    for number, handler in before.items():  # processes that are forked from this one keep them
        signal.signal(number, handler)
    return run()


def _end(number: int, frame: FrameType | None) -> None:
    """End the process, which has not begun anything."""
    del frame
    os.write(2, b"\nbicross: interrupted.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
