"""Retokenizing: the token ids of an index are made anew, or for the first time, in one commit. Knows no tokenizer.

It holds the lock of a writer, and runs beside readers. Every segment is copied as it is, deleted documents included,
with another file of token ids; older generations keep the segments that they have.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from .checksums import copy_verified, create_checked
from .document import passage_text
from .filesystem import Filesystem
from .generations import GRACE_SECONDS, collect_garbage, commit, make_missing_folders, read_manifest
from .locking import writing
from .manifest import TOKENS, FileEntry, SegmentEntry, check_fingerprint
from .segment import Segment
from .snapshot import Snapshot
from .tokens import TokenWriter, check_tokens, type_of
from .writer import new_segment

BATCH_DOCUMENTS = 1024

Tokenize: TypeAlias = Callable[[Sequence[str]], Sequence[NDArray[Any]]]
"""Texts to a flat array of uint16 or of uint32 for each, always of the same type."""


def retokenize(path: Path, filesystem: Filesystem, *, tokenizer: str, tokenize: Tokenize) -> bool:
    """Keep the ids that ``tokenize`` gives in the index at ``path``; False where those of ``tokenizer`` are there.

    Raises ``IndexLocked`` while another one writes.
    """
    check_fingerprint(tokenizer)
    if not tokenizer:
        raise ArgumentError("say whose token ids these are: the sha256 of their tokenizer")
    with writing(path, filesystem):
        newest = read_manifest(path)
        if newest.tokenizer == tokenizer:
            return False
        make_missing_folders(path, filesystem)
        collect_garbage(path, filesystem, grace=GRACE_SECONDS, compacted=False)
        created: list[Path] = []
        try:
            views = Snapshot.open(path, newest).views
            segments: list[SegmentEntry] = []
            for view in views:
                created.append(new_segment(path))
                files = _write_copy(view.segment, created[-1], filesystem, tokenizer=tokenizer, tokenize=tokenize)
                segments.append(dataclasses.replace(view.entry, name=created[-1].name, files=files))
            created.clear()  # from here on nobody can say whether the new manifest lists them
            changed = dataclasses.replace(newest, segments=tuple(segments), tokenizer=tokenizer)
            commit(path, changed, filesystem, reason="retokenize")
        finally:
            with suppress(OSError):
                for folder in created:
                    filesystem.remove_folder(folder)
    return True


def _write_copy(
    segment: Segment, folder: Path, filesystem: Filesystem, *, tokenizer: str, tokenize: Tokenize
) -> dict[str, FileEntry]:
    """A new folder with the files of ``segment`` and new token ids; what the manifest is to say of them."""
    filesystem.make_folder(folder)
    files = {name: entry for name, entry in segment.entry.files.items() if name != TOKENS}
    for name, entry in files.items():
        copy_verified(filesystem, segment.folder / name, folder / name, entry)
    with create_checked(filesystem, folder / TOKENS) as file:
        writer: TokenWriter | None = None
        for texts in _texts(segment):
            tokens = tokenize(texts)
            check_tokens(tokens, passages=len(texts), tokenizer=tokenizer)
            kind = type_of(tokens)
            writer = writer or TokenWriter(file, kind)
            if kind != writer.kind:
                raise ArgumentError(
                    f"the token ids of some texts are {writer.kind}, and of others {kind}; give one type"
                )
            writer.write(tokens)
        (writer or TokenWriter(file, np.dtype(np.uint16))).close()
        files[TOKENS] = file.entry()
    filesystem.fsync_folder(folder)
    return files


def _texts(segment: Segment) -> Iterator[list[str]]:
    """What models read of the passages, in the order of the vectors, some at a time."""
    for start in range(0, len(segment), BATCH_DOCUMENTS):
        rows = range(start, min(start + BATCH_DOCUMENTS, len(segment)))
        documents = list(segment.documents(rows))
        found = zip(documents, segment.passages(rows, documents), strict=True)
        yield [passage_text(document.title, passage.text) for document, passages in found for passage in passages]
