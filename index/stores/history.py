"""Which generations a folder has had: decides whether what a store holds is an earlier state of an index.

The folder keeps the checksums of the manifests that were published from it, in ``PUBLISHED``, beyond the life of the
manifests themselves. A generation is noted before it is published, so a process that dies in between loses nothing.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import ArgumentError, IndexCorrupt, PublishConflict
from ..files import PUBLISHED, Filesystem, noting_publication
from ..manifest import MANIFEST_NAME, Manifest
from ..writing import read_generation, read_manifest
from .publications import Publication

MOST_NOTED = 1000


def local_publication(path: Path, generation: int | None) -> Publication:
    """Return a generation of the index in a folder.

    Args:
        path: The folder of the index.
        generation: Its number; None is the newest.

    Raises:
        ArgumentError: The index does not have this generation.
        IndexCorrupt: Its manifest is damaged.
        IndexNotFound: There is no index.
    """
    wanted = read_manifest(path) if generation is None else read_generation(path, generation)
    for name in (f"{MANIFEST_NAME}.{wanted.generation}", MANIFEST_NAME, f"{MANIFEST_NAME}.{wanted.generation}"):
        with suppress(FileNotFoundError):  # it is the newest still, or was superseded in between
            content = (path / name).read_bytes()
            if (manifest := Manifest.from_bytes(content, source=str(path / name))) == wanted:
                return Publication(0, content, manifest)
    raise ArgumentError(f"{path} has no generation {wanted.generation} any more; publish the newest")


def require_descent(path: Path, local: Publication, newest: Publication, url: str) -> None:
    """Check that the newest publication of a store is an earlier generation of the index in a folder.

    It is where the index has the same uuid, and the folder has had a generation of that number with the same manifest.

    Raises:
        PublishConflict: It is not.
    """
    remote = newest.manifest
    if remote.uuid != local.manifest.uuid:
        raise PublishConflict(
            f"{url} holds another index ({remote.uuid}, and {path} is {local.manifest.uuid}): publish to another URL, "
            "or delete what is there first"
        )
    known = _checksum(path, remote.generation, remote.uuid) == newest.checksum
    if known and remote.generation > local.generation:
        raise PublishConflict(
            f"{url} holds generation {remote.generation} of this index, which is newer than {local.generation}: to go "
            f"back, roll the index back and publish that (bicross rollback {path} --to-generation {local.generation})"
        )
    if not known:
        raise PublishConflict(
            f"{url} holds generation {remote.generation} of this index, committed elsewhere: {path} (generation "
            f"{local.generation}) does not continue it, and would undo it. Copy what is there (bicross fetch {url} -o "
            "DIR), make your changes to the copy and publish that, or publish this one to another URL"
        )


def note(path: Path, publication: Publication, filesystem: Filesystem) -> None:
    """Note that a folder has had a generation. A folder that cannot be written to keeps no notes.

    Raises:
        IndexLocked: Another process writes its note, and does not end.
    """
    if not os.access(path, os.W_OK):
        return
    with noting_publication(path, filesystem):
        noted = dict(_noted(path, publication.manifest.uuid))
        if noted.get(publication.generation) == publication.checksum:
            return
        noted[publication.generation] = publication.checksum
        kept = dict(sorted(noted.items())[-MOST_NOTED:])
        record = {"uuid": publication.manifest.uuid, "generations": {str(number): c for number, c in kept.items()}}
        filesystem.replace(path / PUBLISHED, json.dumps(record, indent=0).encode("ascii") + b"\n")


def _noted(path: Path, uuid: str) -> Mapping[int, str]:
    """Return the checksums of the generations that a folder has had, by number; none where the note is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        record: Any = json.loads((path / PUBLISHED).read_bytes())
        if record["uuid"] == uuid:
            return {int(number): str(checksum) for number, checksum in record["generations"].items()}
    return {}


def _checksum(path: Path, generation: int, uuid: str) -> str | None:
    """Return the checksum of the manifest that the folder had as a generation; None where that is not known."""
    for name in (MANIFEST_NAME, f"{MANIFEST_NAME}.{generation}"):
        with suppress(FileNotFoundError, IndexCorrupt):
            held = Publication(0, content := (path / name).read_bytes(), Manifest.from_bytes(content, source=name))
            if held.generation == generation and held.manifest.uuid == uuid:
                return held.checksum
    return _noted(path, uuid).get(generation)
