"""A reranker whose scores stay in a file, so that the next run reads only what is new. Knows no model."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bicross.pipelines.search.scoring.score_cache import pair_key
from bicross.rerank import IdentifiedReranker, Pair
from numpy.typing import NDArray

KEY, RECORD = 32, 36
"""Bytes of a pair's key, and of that with its score in float32."""


class RememberedReranker:
    """Gives the scores of another one, and computes each of them once.

    A file of ``folder`` belongs to one reranker, with its weights, its limit and its number format. It only grows, call
    by call: after a kill all calls before it are there.
    """

    def __init__(self, reranker: IdentifiedReranker, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._reranker = reranker
        self._path = folder / f"{hashlib.sha256(reranker.fingerprint.encode()).hexdigest()[:16]}.scores"
        self._path.touch()
        content = self._path.read_bytes()
        whole = len(content) // RECORD * RECORD  # a kill may have cut the last one
        with self._path.open("r+b") as file:
            file.truncate(whole)
        self._known = {
            content[start : start + KEY]: np.frombuffer(content, "<f4", 1, start + KEY)[0]
            for start in range(0, whole, RECORD)
        }

    @property
    def blend(self) -> float:
        """The reranker's."""
        return self._reranker.blend

    @property
    def fingerprint(self) -> str:
        """The reranker's."""
        return self._reranker.fingerprint

    @property
    def model_fingerprint(self) -> str:
        """The reranker's."""
        return self._reranker.model_fingerprint

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """As the reranker's, shape (len(pairs),)."""
        keys = [pair_key(self.fingerprint, query, passage) for query, passage in pairs]
        missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        if missing:
            found = self._reranker.score(list(missing.values())).astype("<f4")
            with self._path.open("ab") as file:
                file.write(b"".join(key + logit.tobytes() for key, logit in zip(missing, found, strict=True)))
            self._known.update(zip(missing, found, strict=True))
        return np.array([self._known[key] for key in keys], np.float32)
