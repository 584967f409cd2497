"""Tells URLs of stores from paths, and checks them."""

from urllib.parse import urlsplit

from ...errors import ArgumentError
from ...errors.arguments import described

SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "file")
_EXAMPLE = "s3://bucket/folder, gs://bucket/folder, az://container/folder or file:///folder"


def is_url(value: object) -> bool:
    """Whether a place is given as a URL, rather than as a path."""
    return isinstance(value, str) and "://" in value


def checked_url(value: object, name: str = "url") -> str:
    """Return the URL of a folder in a store, without a slash at its end.

    Raises:
        ArgumentError: It is not one, or it has a part that such a URL does not have.
    """
    if not isinstance(value, str) or "://" not in value:
        raise ArgumentError(
            f"{name} must be the URL of a folder in a store, such as {_EXAMPLE}, not {described(value)}"
        )
    try:
        parts = urlsplit(value)
        hidden = bool(parts.query or parts.fragment or parts.username or parts.password)
    except ValueError as error:
        raise ArgumentError(f"{name} is not a URL that can be read: {error}") from None
    if hidden:  # it may hold a secret, so it is not repeated
        raise ArgumentError(
            f"{name} has a user, a query or a fragment; give a URL without them, and credentials by the environment"
        )
    if parts.scheme not in SCHEMES:
        raise ArgumentError(f"{name} must begin with one of {', '.join(SCHEMES)}, as in {_EXAMPLE}, not {value!r:.200}")
    if not (parts.path.strip("/") if parts.scheme == "file" else parts.netloc):
        raise ArgumentError(f"{name} names no {'folder' if parts.scheme == 'file' else 'bucket'}: {value!r:.200}")
    if parts.scheme == "file" and parts.netloc:
        raise ArgumentError(f"{name} names a machine, {parts.netloc!r:.80}: a file URL has three slashes, {_EXAMPLE}")
    if not value.isprintable() or ".." in parts.path.split("/"):
        raise ArgumentError(f"{name} has parts that no folder in a store has: {value!r:.200}")
    return value.rstrip("/")
