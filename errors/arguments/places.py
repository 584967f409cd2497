"""Checks that a file or folder can be written, before what it is to hold takes its time."""

import os
from pathlib import Path

from .. import ArgumentError


def require_file_place(path: Path, contents: str) -> None:
    """Check that a file can be written at a path; its folder must be there.

    Args:
        path: The file; one that is there may be replaced.
        contents: What it is to hold, for the error: "a run".

    Raises:
        ArgumentError: It cannot; the error says why.
    """
    folder = path.absolute().parent
    if path.is_dir():
        raise ArgumentError(f"cannot write {contents} to {path}: it is a folder; name a file")
    if not folder.is_dir():
        raise ArgumentError(f"cannot write {contents} to {path}: there is no folder {folder}; make it, or name another")
    _require_writable(folder, path, contents)


def require_folder_place(path: Path, contents: str) -> None:
    """Check that a folder can be made at a path, with the folders above it, or that files can be added to it.

    Args:
        path: The folder, which may be there.
        contents: What it is to hold, for the error: "an index".

    Raises:
        ArgumentError: It cannot; the error says why.
    """
    absolute = path.absolute()
    nearest = next(folder for folder in (absolute, *absolute.parents) if folder.exists())
    if not nearest.is_dir():
        raise ArgumentError(f"cannot write {contents} to {path}: {nearest} is a file; name another folder")
    _require_writable(nearest, path, contents)


def _require_writable(folder: Path, path: Path, contents: str) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ArgumentError(f"cannot write {contents} to {path}: nothing may be written in {folder}; name another one")
