"""Object stores (the extra ``stores``): an index is published to one, and opened from there by its URL."""

from .cache import empty_cache
from .fetching import fetch
from .object_store import ObjectStore, StoredObject
from .origin import Origin, origin_of, require_no_copy
from .publishing import Published, publish
from .urls import is_url

__all__ = [
    "ObjectStore",
    "Origin",
    "Published",
    "StoredObject",
    "empty_cache",
    "fetch",
    "is_url",
    "origin_of",
    "publish",
    "require_no_copy",
]
