"""Token ids or terms of all passages, made anew or for the first time, in one commit. Knows nothing of language.

It holds the lock of a writer, and runs beside readers. Every segment is copied as it is, deleted documents included,
with another file of the one or the other; older generations keep the segments that they have.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..document import passage_text
from ..files import CheckedFile, FileEntry, Filesystem, copy_verified, create_checked, writing
from ..manifest import POSTINGS_FILE, TOKEN_IDS_FILE, SegmentEntry, check_analyzer, check_fingerprint
from ..reading import Snapshot
from ..segments import PostingsWriter, Segment, TokenWriter, check_terms, check_tokens, type_of, write_batch
from .generations import GRACE_SECONDS, collect_garbage, commit, make_missing_folders, read_manifest
from .writer import new_segment

BATCH_DOCUMENTS = 1024

Tokenize: TypeAlias = Callable[[Sequence[str]], Sequence[NDArray[Any]]]
"""Texts to a flat array of uint16 or of uint32 for each, always of the same type."""
Analyse: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""Texts to a list of terms for each."""
_Write: TypeAlias = Callable[[CheckedFile, Segment], None]


def replace_token_ids(path: Path, filesystem: Filesystem, *, fingerprint: str, tokenize: Tokenize) -> bool:
    """Keep the ids that ``tokenize`` gives in the index at ``path``; False where those of that tokenizer are there.

    Raises ``IndexLocked`` while another one writes.
    """
    check_fingerprint(fingerprint)
    if not fingerprint:
        raise ArgumentError("say whose token ids these are: the sha256 of their tokenizer")
    write = partial(_write_tokens, fingerprint=fingerprint, tokenize=tokenize)
    return _replace(
        path, filesystem, name=TOKEN_IDS_FILE, write=write, field="tokenizer_fingerprint", value=fingerprint
    )


def replace_postings(path: Path, filesystem: Filesystem, *, analyzer: str, analyse: Analyse) -> bool:
    """Keep the terms that ``analyse`` gives in the index at ``path``; False where those of ``analyzer`` are there.

    Raises ``IndexLocked`` while another one writes.
    """
    check_analyzer(analyzer)
    if not analyzer:
        raise ArgumentError("say whose terms these are: the name of their analyzer")
    write = partial(_write_postings, analyzer=analyzer, analyse=analyse)
    return _replace(path, filesystem, name=POSTINGS_FILE, write=write, field="analyzer", value=analyzer)


def _replace(path: Path, filesystem: Filesystem, *, name: str, write: _Write, field: str, value: str) -> bool:
    """Commit copies of all segments with another file ``name``, and ``value`` as that field of the manifest."""
    with writing(path, filesystem):
        newest = read_manifest(path)
        if getattr(newest, field) == value:
            return False
        make_missing_folders(path, filesystem)
        collect_garbage(path, filesystem, grace=GRACE_SECONDS, compacted=False)
        created: list[Path] = []
        try:
            views = Snapshot.open(path, newest).views
            segments: list[SegmentEntry] = []
            for view in views:
                created.append(new_segment(path))
                files = _write_copy(view.segment, created[-1], filesystem, name=name, write=write)
                segments.append(dataclasses.replace(view.entry, name=created[-1].name, files=files))
            created.clear()  # from here on nobody can say whether the new manifest lists them
            changes: dict[str, Any] = {"segments": tuple(segments), field: value}
            commit(path, dataclasses.replace(newest, **changes), filesystem, reason=f"new {name}")
        finally:
            with suppress(OSError):
                for folder in created:
                    filesystem.remove_folder(folder)
    return True


def _write_copy(
    segment: Segment, folder: Path, filesystem: Filesystem, *, name: str, write: _Write
) -> dict[str, FileEntry]:
    """A new folder with the files of ``segment`` and a new one ``name``; what the manifest is to say of them."""
    filesystem.make_folder(folder)
    files = {known: entry for known, entry in segment.entry.files.items() if known != name}
    for known, entry in files.items():
        copy_verified(filesystem, segment.folder / known, folder / known, entry)
    with create_checked(filesystem, folder / name) as file:
        write(file, segment)
        files[name] = file.entry()
    filesystem.fsync_folder(folder)
    return files


def _write_tokens(file: CheckedFile, segment: Segment, *, fingerprint: str, tokenize: Tokenize) -> None:
    writer: TokenWriter | None = None
    for texts in _texts(segment):
        tokens = tokenize(texts)
        check_tokens(tokens, passages=len(texts), fingerprint=fingerprint)
        kind = type_of(tokens)
        writer = writer or TokenWriter(file, kind)
        if kind != writer.kind:
            raise ArgumentError(f"the token ids of some texts are {writer.kind}, and of others {kind}; give one type")
        writer.write(tokens)
    (writer or TokenWriter(file, np.dtype(np.uint16))).close()


def _write_postings(file: CheckedFile, segment: Segment, *, analyzer: str, analyse: Analyse) -> None:
    writer = PostingsWriter()
    for texts in _texts(segment):
        terms = analyse(texts)
        check_terms(terms, passages=len(texts), analyzer=analyzer)
        writer.write(terms)
    write_batch(file, writer.to_record_batch())


def _texts(segment: Segment) -> Iterator[list[str]]:
    """What models read of the passages, in the order of the vectors, some at a time."""
    for start in range(0, len(segment), BATCH_DOCUMENTS):
        rows = range(start, min(start + BATCH_DOCUMENTS, len(segment)))
        documents = list(segment.documents(rows))
        found = zip(documents, segment.passages(rows, documents), strict=True)
        yield [passage_text(document.title, passage.text) for document, passages in found for passage in passages]
