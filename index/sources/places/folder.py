"""Lists everything that a folder holds: the files to read, and those that are not read and why."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..accounting import is_error_log
from ..rich import RICH_SUFFIXES, lacks_library
from ..texts import TEXT_SUFFIXES
from .endings import ending_of
from .entries import NotRead, SourceFile, printable
from .ignore_files import IgnoreFiles

_INDEX_FILE = "MANIFEST"  # of an index that was built inside the folder of its documents


def folder_entries(
    folder: Path, ignored: Sequence[Path] = (), *, gitignore: bool = False
) -> list[SourceFile | NotRead]:
    """Return the files under a folder, and all that is left out, in the order of their names.

    Args:
        folder: The folder.
        ignored: Files of bicross itself, such as the list of bad rows.
        gitignore: Whether to leave out what ``.gitignore`` files name.

    Raises:
        ArgumentError: That needs a library which is not installed.
        SourceError: A ``.gitignore`` cannot be read.
    """
    ignore_files = IgnoreFiles(folder) if gitignore else None
    return sorted(_walk(folder, ignored, ignore_files), key=lambda entry: entry.name)


def _walk(folder: Path, ignored: Sequence[Path], ignore_files: IgnoreFiles | None) -> Iterator[SourceFile | NotRead]:
    root = folder.resolve()
    problems: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=problems.append):
        open_folders: list[str] = []
        for name in folders:
            path = Path(parent, name)
            skipped = _folder_left_out(path, path.relative_to(folder), ignore_files)
            if skipped is None:
                open_folders.append(name)
            else:
                yield skipped
        folders[:] = open_folders
        for name in names:
            path = Path(parent, name)
            relative = path.relative_to(folder)
            if ignore_files is not None and not name.startswith(".") and ignore_files.ignores(path, is_folder=False):
                yield NotRead(printable(relative.as_posix()), "ignored")
            else:
                yield _file_entry(path, relative, root, ignored)
    for error in problems:  # without them, os.walk passes over a folder that it may not list
        shown = printable(Path(error.filename).relative_to(folder).as_posix())
        yield NotRead(f"{shown}/", "file", f"the folder cannot be listed: {error.strerror}")


def _folder_left_out(path: Path, relative: Path, ignore_files: IgnoreFiles | None) -> NotRead | None:
    shown = f"{printable(relative.as_posix())}/"
    if path.name.startswith("."):
        return NotRead(shown, "hidden")
    if path.is_symlink():
        return NotRead(shown, "link")
    if ignore_files is not None and ignore_files.ignores(path, is_folder=True):
        return NotRead(shown, "ignored")
    if (path / _INDEX_FILE).is_file() and (path / "segments").is_dir():
        return NotRead(shown, "own")
    return None


def _file_entry(path: Path, relative: Path, root: Path, ignored: Sequence[Path]) -> SourceFile | NotRead:
    name = relative.as_posix()
    shown = printable(name)
    if path.name.startswith("."):
        return NotRead(shown, "hidden")
    ending = ending_of(path)
    if not ending:
        return NotRead(shown, "ending")
    if path.is_symlink() and not (path.exists() and path.resolve().is_relative_to(root)):
        return NotRead(shown, "link")
    if not path.is_file():
        return NotRead(shown, "special")
    size = path.stat().st_size
    if path.resolve() in ignored or (ending == ".jsonl" and size and is_error_log(path)):
        return NotRead(shown, "own")
    if ending in RICH_SUFFIXES and lacks_library(ending):
        return NotRead(shown, "extra")
    if ending in (*TEXT_SUFFIXES, *RICH_SUFFIXES) and shown != name:
        return NotRead(shown, "name", "the name of the file, which is its id, is not UTF-8; rename it")
    return SourceFile(path, name, ending, size, printable(path))
