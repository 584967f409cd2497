"""ObjectStore: every call to an object store, through obstore. No other module imports it.

A method returns when the store has acknowledged, so that the caller may commit. Each call is a method of its own: a
test replaces one to make it fail, to record it, or to damage what it returns.
"""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MissingPackage, ObjectStoreError
from .urls import checked_url

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Client

CONNECT_SECONDS, REQUEST_SECONDS, RETRIES, RETRY_SECONDS = 5, 60, 4, 60
PART_BYTES = 1 << 24
"""What one request reads: a slow line has ``REQUEST_SECONDS`` for it."""
MOST_PARTS = 9000
"""S3 takes a file in at most 10,000 parts."""
_CREDENTIALS = ("credential", "token", "metadata", "403", "401", "AccessDenied", "InvalidAccessKeyId", "Signature")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a store.

    Attributes:
        name: Its name below the URL.
        bytes: Its size.
        modified: When it was written, in seconds since 1970 by the clock of the store.
    """

    name: str
    bytes: int
    modified: float


class ObjectMissing(Exception):
    """A store has no object with a name."""


class ObjectStore:
    """The objects below a URL.

    Args:
        url: Where they are.
        make: Make the folder of a file URL where it is missing.
        client: A store of obstore; None opens the one that the URL names, with credentials of the environment.

    Raises:
        ArgumentError: The URL is not that of a store.
        MissingPackage: obstore is not installed.
        ObjectStoreError: The store cannot be opened.
    """

    def __init__(self, url: str, *, make: bool = False, client: "Client | None" = None) -> None:
        self.url = checked_url(url)
        self._client = opened_client(self.url, make=make) if client is None else client

    def top(self) -> list[StoredObject]:
        """List the objects directly below the URL."""
        import obstore

        with self._asking("list it"):
            module: Any = obstore  # the types of its tables of Arrow are unknown
            return [_stored(meta) for meta in module.list_with_delimiter(self._client)["objects"]]

    def below(self, prefix: str) -> list[StoredObject]:
        """List all objects in a folder and in its folders."""
        import obstore

        with self._asking("list it"):
            module: Any = obstore
            return [_stored(meta) for part in module.list(self._client, prefix, chunk_size=1000) for meta in part]

    def read(self, name: str) -> bytes:
        """Return the content of a small object.

        Raises:
            ObjectMissing: There is none.
        """
        import obstore

        with self._asking(f"read {name}", may_be_missing=True):
            return bytes(obstore.get(self._client, name).bytes())

    def read_part(self, name: str, start: int, stop: int) -> bytes:
        """Return the bytes of an object from ``start`` to before ``stop``, or to its end; there must be at least one.

        Raises:
            ObjectMissing: There is no such object.
        """
        import obstore

        with self._asking(f"read {name}", may_be_missing=True):
            return bytes(obstore.get_range(self._client, name, start=start, end=stop))

    def create(self, name: str, content: bytes) -> bool:
        """Write an object unless there is one of that name, in one step; return whether it was written."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._asking(f"create {name}"):
            try:
                obstore.put(self._client, name, content, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def write(self, name: str, source: Path) -> None:
        """Write an object from a file; one that is there is replaced. Readers see all of it or nothing."""
        import obstore

        chunk = max(PART_BYTES // 2, source.stat().st_size // MOST_PARTS + 1)
        with self._asking(f"write {name}"):
            obstore.put(self._client, name, source, mode="overwrite", chunk_size=chunk, max_concurrency=4)

    def remove(self, names: Iterable[str]) -> None:
        """Delete objects. A missing one is not an error."""
        import obstore

        for name in names:
            with self._asking(f"delete {name}"), suppress(FileNotFoundError):
                obstore.delete(self._client, name)

    @contextmanager
    def _asking(self, action: str, *, may_be_missing: bool = False) -> Generator[None]:
        """Turn errors of obstore into those of bicross."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (FileNotFoundError, BaseError) as error:
            if may_be_missing and isinstance(error, FileNotFoundError) and "NoSuchBucket" not in str(error):
                raise ObjectMissing(action) from error
            raise store_error(self.url, action, str(error)) from error


def store_error(url: str, action: str, message: str) -> ObjectStoreError:
    """Return the error of a store that did not do what it was asked for, with what may help."""
    reason = " ".join(message.partition("Debug source:")[0].split())
    if "NoSuchBucket" in message or "ContainerNotFound" in message:
        remedy = "there is no such bucket: make it, or correct the URL"
    elif "canonicalize" in message:
        remedy = "there is no such folder"
    elif "builder error" in message:
        remedy = "its address cannot be used: over http:// it needs AWS_ALLOW_HTTP=true"
    elif any(word in message for word in _CREDENTIALS) or "Account must be specified" in message:
        remedy = "give credentials that may do that, by the environment: see the guide on stores"
    else:
        remedy = "check the address and the network, and try again"
    return ObjectStoreError(f"{url}: the store did not {action}: {remedy} ({reason:.300})")


def opened_client(url: str, *, make: bool) -> "Client":
    """Return a store of obstore for a URL; with ``make`` the folder of a file URL is made where it is missing."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import LocalStore, from_url
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "an index in an object store needs obstore, which is not installed: pip install 'bicross[stores]'",
            name="obstore",
        ) from error
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "allow_http": _allows_http(),
    }
    retry: RetryConfig = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
    try:
        if url.startswith("file:"):
            return LocalStore.from_url(url, mkdir=make)
        return from_url(url, client_options=client, retry_config=retry)
    except (BaseError, ValueError) as error:
        raise store_error(url, "open", str(error)) from error


def _allows_http() -> bool:
    """Whether the environment names an address without encryption, or allows it: obstore reads that no more."""
    endpoints = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
    allowed = any(os.environ.get(name, "").lower() == "true" for name in ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP"))
    return allowed or any(os.environ.get(name, "").startswith("http://") for name in endpoints)


def _stored(meta: "ObjectMeta") -> StoredObject:
    return StoredObject(meta["path"], meta["size"], meta["last_modified"].timestamp())
