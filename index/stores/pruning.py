"""Removes old publications from a store, and files that none of those that stay lists. Nothing else removes anything.

A reader copies the publication that was the newest when it looked. So a publication stays for a grace time after the
next one came, and a file that none lists stays for that time after it was written: somebody may be about to list it.
"""

from dataclasses import dataclass
from itertools import pairwise

from ...errors import ObjectStoreError
from .object_store import ObjectMissing, ObjectStore, StoredObject
from .probing import PROBES
from .publications import FILES, manifest_name, newest_publication, numbered, objects_of, read_publication

LEAST_GRACE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many publications and how many files were removed."""

    publications: int
    files: int


def prune_store(store: ObjectStore, *, keep: int, grace: float, now: float) -> Pruned:
    """Remove old publications, and files that none of those that stay lists.

    Args:
        store: The store.
        keep: How many publications stay at least.
        grace: Seconds for which more stay.
        now: The time by the clock of the store.

    Raises:
        IndexCorrupt: A manifest that stays is damaged; nothing is removed.
        ObjectStoreError: The store does not answer, or somebody published meanwhile what was being removed.
    """
    publications = numbered(store.top())
    old = _outdated(publications, keep=keep, before=now - grace)
    listed: set[str] = set()
    for number in publications.keys() - old:
        try:
            listed |= objects_of(read_publication(store, number, publications[number]).manifest).keys()
        except ObjectMissing:  # somebody else prunes: what it listed may go
            continue
    files = [entry.name for entry in store.below(FILES) if entry.name not in listed and entry.modified < now - grace]
    probes = [entry.name for entry in store.below(PROBES) if entry.modified < now - grace]
    store.remove(manifest_name(number) for number in sorted(old))
    store.remove([*files, *probes])
    newest = newest_publication(store)
    if newest is not None and (lost := objects_of(newest.manifest).keys() & set(files)):
        raise ObjectStoreError(
            f"{store.url}: {manifest_name(newest.number)} was published while old files were being removed, and lists "
            f"{len(lost)} of them, such as {min(lost)}: publish it again, which uploads them"
        )
    return Pruned(len(old), len(files))


def _outdated(publications: dict[int, StoredObject], *, keep: int, before: float) -> set[int]:
    """Return the numbers of the publications that may go: not the last ones, and the next one has come before then."""
    numbers = list(publications)
    return {
        number
        for number, follower in pairwise(numbers)
        if number in numbers[:-keep] and publications[follower].modified < before
    }
