"""Syncs again after each change of a source, until it is interrupted."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Protocol

import click

from ....errors import ArgumentError, BicrossError
from ..terminal import said_of

SETTLED_MS = 500
"""How long nothing must change before a sync."""
LONGEST_MS = 30_000
"""After this a sync comes, even if changes go on."""


class Once(Protocol):
    """Syncs once."""

    def __call__(self, *, quiet: bool = False) -> None:
        """Sync; ``quiet`` prints nothing where nothing was to be done."""
        ...


def keep_in_step(sources: Sequence[str], once: Once, *, ignored: Sequence[Path], stop: Event | None = None) -> None:
    """Sync now, and again after each change. What is wrong with a later state of the source is said, and waits.

    Args:
        sources: The files and folders of the source.
        once: Syncs once.
        ignored: What is not part of the source, and changes by the sync itself.
        stop: Ends it, as an interrupt does.

    Raises:
        ArgumentError: watchfiles is not installed, or a source is standard input.
    """
    if "-" in sources:
        raise ArgumentError("standard input cannot be watched: name a file or a folder, or leave out --watch")
    changes = _changes([Path(source) for source in sources], [path.resolve() for path in ignored], stop)
    next(changes)  # from here on nothing is missed
    once()
    sys.stderr.write(f"Watching {', '.join(sources)}. Ctrl-C ends it.\n")
    for _ in changes:
        try:
            once(quiet=True)
        except (BicrossError, OSError) as error:
            context = click.get_current_context(silent=True)
            commands = [] if context is None else [context.command]
            sys.stderr.write(f"bicross: {said_of(error, commands, 'sync')}\n")


def _changes(sources: Sequence[Path], ignored: Sequence[Path], stop: Event | None) -> Iterator[None]:
    """Yield once when watching has begun, and then after each change that has settled."""
    try:
        from watchfiles import watch
    except ImportError as error:
        raise ArgumentError("--watch needs watchfiles: pip install 'bicross[files]'") from error

    folders = [source.resolve() for source in sources if source.is_dir()]
    files = {source.resolve() for source in sources if not source.is_dir()}
    # A file that is replaced, as editors do, is seen in its folder only.
    watched = {*folders, *(file.parent for file in files)}

    def counts(_: object, name: str) -> bool:
        path = Path(name).resolve()
        if any(path.is_relative_to(other) for other in ignored):
            return False
        return path in files or any(path.is_relative_to(folder) for folder in folders)

    begun = False
    for changes in watch(
        *watched,
        watch_filter=counts,
        recursive=bool(folders),
        step=SETTLED_MS,
        debounce=LONGEST_MS,
        rust_timeout=SETTLED_MS,
        yield_on_timeout=True,
        stop_event=stop,
    ):
        if changes or not begun:
            begun = True
            yield
