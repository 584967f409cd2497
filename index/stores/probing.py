"""Tries whether a store keeps the promise that publishing rests on: of two writers that create a name, one fails."""

import uuid

from ...errors import ObjectStoreError
from .object_store import ObjectStore

PROBES = "probe/"


def probe(store: ObjectStore) -> float:
    """Create an object twice, and remove it.

    Returns:
        The time by the clock of the store, in seconds since 1970.

    Raises:
        ObjectStoreError: The store lets the second through, loses the first, or does not answer.
    """
    name, first, second = f"{PROBES}{uuid.uuid4().hex}", b"first", b"second"
    try:
        store.create(name, first)  # false where an answer was lost and the call repeated: the second create tells
        if store.create(name, second) or store.read(name) != first:
            raise ObjectStoreError(
                f"{store.url} cannot be published to: the store lets an object be created that exists already, so of "
                "two publications at once one would be lost. Use a store with conditional writes (If-None-Match), as "
                "S3, Google Cloud Storage, Azure, MinIO and Ceph have them"
            )
        times = [entry.modified for entry in store.below(PROBES) if entry.name == name]
    finally:
        store.remove([name])
    if not times:
        raise ObjectStoreError(f"{store.url} cannot be published to: the store does not list what it was given")
    return times[0]
