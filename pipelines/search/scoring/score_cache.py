"""ScoreCache: logits of pairs that were read before, in bounded memory. Knows no query, no index and no model."""

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import ArgumentError

ENTRY_BYTES = 400
"""What an entry takes at most in CPython: a digest, a float, their places in the table, and a table that is growing."""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """``hits`` pairs were answered from the cache, ``misses`` were not; ``entries`` are in it now."""

    hits: int
    misses: int
    entries: int


class ScoreCache:
    """The most recently used logits, in at most ``max_bytes`` of memory. Threads and pipelines may share it.

    A pair is known by a digest of what its score depends on and nothing else: the reranker, the query, and the text of
    the passage with its title. No commit, rollback or rebuild of an index can therefore make an entry wrong: a changed
    text is another pair. The digest is cryptographic, since documents come from anyone, and of one size, so that long
    texts take no more memory than short ones.
    """

    def __init__(self, max_bytes: int) -> None:
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < ENTRY_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f"max_bytes must be a whole number of at least {ENTRY_BYTES}, not {max_bytes!r}")
        self.max_bytes = max_bytes
        self._logits: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = 0

    @classmethod
    def of_megabytes(cls, megabytes: float) -> "ScoreCache":
        """One of so many million bytes; ``ArgumentError`` where they are too few."""
        if not ENTRY_BYTES <= megabytes * 1e6 < math.inf:
            raise ArgumentError(f"a score cache takes a positive number of megabytes, not {megabytes!r}")
        return cls(int(megabytes * 1e6))

    @property
    def use(self) -> CacheUse:
        """Hits and misses since it was made."""
        with self._lock:
            return CacheUse(self._hits, self._misses, len(self._logits))

    def get(self, keys: Sequence[bytes]) -> list[float | None]:
        """The logit of each key, None where it is not known. What is found counts as used."""
        with self._lock:
            found = [self._logits.get(key) for key in keys]
            for key, logit in zip(keys, found, strict=True):
                if logit is not None:
                    self._logits.move_to_end(key)
            known = sum(logit is not None for logit in found)
            self._hits += known
            self._misses += len(keys) - known
            return found

    def put(self, keys: Sequence[bytes], logits: Sequence[float]) -> None:
        """Remember logits, all finite, and forget those that were not used for longest."""
        with self._lock:
            for key, logit in zip(keys, logits, strict=True):
                self._logits[key] = logit
                self._logits.move_to_end(key)
                if len(self._logits) > self.max_bytes // ENTRY_BYTES:
                    self._logits.popitem(last=False)


def pair_key(reranker: str, query: str, passage: str) -> bytes:
    """32 bytes that stand for a pair and what reads it."""
    digest = hashlib.blake2b(digest_size=32)
    for part in (reranker, query, passage):
        encoded = part.encode("utf-8")
        digest.update(len(encoded).to_bytes(8, "little"))  # no two triples run together into the same bytes
        digest.update(encoded)
    return digest.digest()
