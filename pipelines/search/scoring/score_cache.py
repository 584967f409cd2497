"""ScoreCache: keeps the logits of pairs that were scored before, in bounded memory."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from ....errors import ArgumentError
from ....errors.arguments import described

MOST_MEGABYTES = 1e12
ENTRY_BYTES = 400
"""The most bytes of an entry in CPython: a digest, a float, their slots in the table, and a table that is growing."""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How a cache was used.

    Attributes:
        hits: Pairs whose logit was in the cache.
        misses: Pairs whose logit was not.
        entries: Logits that are in the cache now.
    """

    hits: int
    misses: int
    entries: int


class ScoreCache:
    """The most recently used logits, in at most ``max_bytes`` of memory. Threads and pipelines may share it.

    The key of a pair is a digest of exactly what its score depends on: the reranker, the query, and the text of the
    passage with its title. A changed text is another pair, so no commit, rollback or rebuild of an index makes an entry
    wrong. The digest is cryptographic, because documents come from anyone. It has a fixed size, so long texts take no
    more memory than short ones.
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
        """Make a cache of so many million bytes.

        Raises:
            ArgumentError: They are too few for an entry.
        """
        given: object = megabytes
        if isinstance(given, bool) or not isinstance(given, Real) or not ENTRY_BYTES / 1e6 <= given <= MOST_MEGABYTES:
            raise ArgumentError(f"a score cache takes a positive number of megabytes, not {described(given)}")
        return cls(int(megabytes * 1e6))

    @property
    def use(self) -> CacheUse:
        """Return hits and misses since the cache was made."""
        with self._lock:
            return CacheUse(self._hits, self._misses, len(self._logits))

    def get(self, keys: Sequence[bytes]) -> list[float | None]:
        """Return the logit of each key, None where it is not in the cache. A logit that is found counts as used."""
        with self._lock:
            logits = [self._logits.get(key) for key in keys]
            for key, logit in zip(keys, logits, strict=True):
                if logit is not None:
                    self._logits.move_to_end(key)
            hits = sum(logit is not None for logit in logits)
            self._hits += hits
            self._misses += len(keys) - hits
            return logits

    def put(self, keys: Sequence[bytes], logits: Sequence[float]) -> None:
        """Store logits, all finite, and drop those that were not used for longest."""
        with self._lock:
            for key, logit in zip(keys, logits, strict=True):
                self._logits[key] = logit
                self._logits.move_to_end(key)
                if len(self._logits) > self.max_bytes // ENTRY_BYTES:
                    self._logits.popitem(last=False)


def pair_key(reranker: str, query: str, passage: str) -> bytes:
    """Return a key of 32 bytes for a pair and the reranker that scores it.

    Args:
        reranker: The fingerprint of the reranker.
        query: The text of the query.
        passage: The text of the passage with its title.
    """
    digest = hashlib.blake2b(digest_size=32)
    for part in (reranker, query, passage):
        encoded = part.encode("utf-8")
        digest.update(len(encoded).to_bytes(8, "little"))  # different triples never give the same bytes
        digest.update(encoded)
    return digest.digest()
