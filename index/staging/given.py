"""Stages documents that only one process has, so that others can read them."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import xxhash

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_instance, checked_path, described
from ..document import Document
from ..files import Filesystem
from ..sources import SourceFile, SourcePart, part_size, rows_part
from ..writing import STAGING


def stage_documents(
    path: str | Path,
    documents: Iterable[Document],
    *,
    part_bytes: int | None = None,
    filesystem: Filesystem | None = None,
) -> list[SourcePart]:
    """Write documents into the staging folder, and return them as parts of a source.

    Args:
        path: The folder of the index.
        documents: The documents, with ids that differ; may be a generator.
        part_bytes: About how many bytes a part has; None chooses 2 MiB.
        filesystem: Writes the files; a test passes another one.
    """
    filesystem, folder = filesystem or Filesystem(), checked_path(path) / STAGING
    if part_bytes is not None:
        checked_count(part_bytes, "part_bytes")
    if not isinstance(cast("object", documents), Iterable) or isinstance(documents, str | bytes):
        raise ArgumentError(f"documents must be a list or generator of Document, not {described(documents)}")
    filesystem.make_folder(folder)
    parts: list[SourcePart] = []
    first = 1
    for lines in _portions(documents, part_size(0) if part_bytes is None else part_bytes):
        content = b"".join(lines)
        file = folder / f"given-{xxhash.xxh3_128_hexdigest(content)}.jsonl"
        if not file.exists():
            filesystem.replace(file, content)
        parts.append(rows_part(file, f"documents {first} to {first + len(lines) - 1}"))
        first += len(lines)
    return parts


def remove_documents(parts: Iterable[SourcePart], *, filesystem: Filesystem | None = None) -> None:
    """Delete what ``stage_documents`` has written."""
    filesystem = filesystem or Filesystem()
    for part in parts:
        for entry in part.entries:
            if isinstance(entry, SourceFile):
                filesystem.remove_file(entry.path)


def _portions(documents: Iterable[Document], size: int) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    held = 0
    for document in documents:
        checked_instance(document, Document, "each document")
        row = {"id": document.id, "title": document.title, "text": document.text, "metadata": dict(document.metadata)}
        line = json.dumps(row, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
        lines.append(line)
        held += len(line)
        if held >= size:
            yield lines
            lines, held = [], 0
    if lines:
        yield lines
