"""Reads text, Markdown, reStructuredText and HTML files as rows."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from .budget import MAX_ROW_BYTES, Budget, MaxBytes
from .formats import open_text
from .html_pages import html_title_and_text
from .options import SourceOptions
from .rows import SourceRow


def read_text(path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """A text file as one row, whose id is the file's name."""
    return _rows(path.parent, [path], options.max_bytes)


def read_text_folder(folder: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """Every text file under ``folder`` as a row, whose id is the file's path relative to the folder, with slashes."""
    paths = sorted(text_files(folder), key=lambda path: path.relative_to(folder).as_posix())
    return _rows(folder, paths, options.max_bytes)


def text_files(folder: Path) -> Iterator[Path]:
    """The text files under ``folder``, without hidden ones and without links that lead out of it."""
    root = folder.resolve()
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(parent, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() not in TEXT_SUFFIXES or not path.is_file():
                continue
            if not path.is_symlink() or path.resolve().is_relative_to(root):
                yield path


def _raise(error: OSError) -> None:
    """Without it, os.walk would pass over a folder that it may not list."""
    raise error


def _rows(root: Path, paths: Sequence[Path], max_bytes: MaxBytes) -> Iterator[SourceRow]:
    sizes = [path.stat().st_size for path in paths]
    total, done = max(1, sum(sizes)), 0
    budget = Budget(root, total, max_bytes)
    for path, size in zip(paths, sizes, strict=True):
        done += size
        budget.spend(size)
        values: Mapping[str, object] = {}
        problem = ""
        try:
            values = _values(path, path.relative_to(root).as_posix(), size)
        except (OSError, ValueError) as error:
            problem = str(error)
        yield SourceRow(str(path), None, done / total, values, problem)


def _values(path: Path, name: str, size: int) -> Mapping[str, object]:
    if size > MAX_ROW_BYTES:
        raise ValueError(f"the file has {size} bytes, more than the {MAX_ROW_BYTES} that are read as one document")
    with open_text(path) as file:
        title, text = _TITLE_AND_TEXT[path.suffix.lower()](file.read())
    if text.strip():  # a file's name alone makes no document
        title = title or path.stem
    return {"id": name, "title": title, "text": text, "metadata": {"path": name}}


# The title, where there is one, and the text


def _plain(content: str) -> tuple[str, str]:
    return "", content


def _markdown(content: str) -> tuple[str, str]:
    fenced = False  # in a block of code, where # begins a comment, as it does in an indented one
    for line in content.splitlines():
        stripped = line.strip()
        if stripped.startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and line[:4].strip() and stripped.startswith(("# ", "#\t")):
            title, _, closing = stripped.rpartition(" ")
            return (stripped if closing.strip("#") else title)[1:].strip(), content
    return "", content


def _rst(content: str) -> tuple[str, str]:
    lines = [line.rstrip() for line in content.splitlines()]
    for line, below in pairwise(lines):
        if line and len(below) >= len(line) and re.fullmatch(r"([^\w\s])\1+", below):
            return line.strip(), content
    return "", content


_TITLE_AND_TEXT: dict[str, Callable[[str], tuple[str, str]]] = {
    ".txt": _plain,
    ".md": _markdown,
    ".rst": _rst,
    ".html": html_title_and_text,
    ".htm": html_title_and_text,
}
TEXT_SUFFIXES = tuple(_TITLE_AND_TEXT)
