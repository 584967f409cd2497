"""A reranker that keeps its scores in a file, so that the next run scores only new pairs."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bicross.pipelines.search.scoring.score_cache import pair_key
from bicross.rerank import IdentifiedReranker, Pair
from numpy.typing import NDArray

KEY, RECORD = 32, 36
"""Bytes of a pair's key, and of the key with its score in float32."""


class RememberedReranker:
    """Returns the scores of another reranker, and computes each of them once.

    Each file of ``folder`` belongs to one reranker with its weights, length limit and number format. Every call appends
    to it: after a kill the scores of all earlier calls are there.
    """

    def __init__(self, reranker: IdentifiedReranker, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._reranker = reranker
        self._path = folder / f"{hashlib.sha256(reranker.fingerprint.encode()).hexdigest()[:16]}.scores"
        self._path.touch()
        content = self._path.read_bytes()
        whole = len(content) // RECORD * RECORD  # a kill may have cut the last record
        with self._path.open("r+b") as file:
            file.truncate(whole)
        self._scores = {
            content[start : start + KEY]: np.frombuffer(content, "<f4", 1, start + KEY)[0]
            for start in range(0, whole, RECORD)
        }

    @property
    def blend(self) -> float:
        """That of the reranker."""
        return self._reranker.blend

    @property
    def fingerprint(self) -> str:
        """That of the reranker."""
        return self._reranker.fingerprint

    @property
    def model_fingerprint(self) -> str:
        """That of the reranker."""
        return self._reranker.model_fingerprint

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Return the logits of the reranker, shape (len(pairs),)."""
        keys = [pair_key(self.fingerprint, query, passage) for query, passage in pairs]
        missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._scores}
        if missing:
            logits = self._reranker.score(list(missing.values())).astype("<f4")
            with self._path.open("ab") as file:
                file.write(b"".join(key + logit.tobytes() for key, logit in zip(missing, logits, strict=True)))
            self._scores.update(zip(missing, logits, strict=True))
        return np.array([self._scores[key] for key in keys], np.float32)
