"""CandidateScorer: candidates to logits, by text or by token ids, through a cache. Knows no order and no budget."""

import logging
import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..index import Hit, passage_text
from ..rerank import IdentifiedReranker, Reranker, TokenPair, TokenReranker
from .score_cache import ScoreCache, pair_key

logger = logging.getLogger("bicross")

Candidate = tuple[str, Hit]
"""A query and what was found for it."""


class CandidateScorer:
    """Asks a reranker, judges what it answers, and remembers it where there is a cache. Threads may share it."""

    def __init__(self, reranker: Reranker, *, cache: ScoreCache | None = None) -> None:
        self._reranker = reranker
        self._cache = cache
        # A reranker that does not say what it is may share its scores with no other: then this scorer stands for it.
        named = reranker.fingerprint if cache and isinstance(reranker, IdentifiedReranker) else ""
        self._identity = named or uuid.uuid4().hex
        self._told = False

    def score(self, candidates: Sequence[Candidate], *, tokenizer: str = "") -> tuple[NDArray[np.float32], int]:
        """Logits of shape (len(candidates),), and how many of them the reranker had to compute.

        ``tokenizer`` is the fingerprint of the one that made the token ids of the hits, if they have any.
        """
        if self._cache is None:
            return self._read(candidates, tokenizer), len(candidates)
        keys = [pair_key(self._identity, query, _text(hit)) for query, hit in candidates]
        known = self._cache.get(keys)
        missing = [i for i, logit in enumerate(known) if logit is None]
        logits = np.array([np.nan if logit is None else logit for logit in known], np.float32)
        if missing:
            logits[missing] = self._read([candidates[i] for i in missing], tokenizer)
            self._cache.put([keys[i] for i in missing], logits[missing].tolist())
        return logits, len(missing)

    def _read(self, candidates: Sequence[Candidate], tokenizer: str) -> NDArray[np.float32]:
        """Logits that are finite, or ``ModelError``."""
        ids = self._token_pairs(candidates, tokenizer)
        if ids is not None and isinstance(self._reranker, TokenReranker):
            answer = self._reranker.score_tokens(ids)
        else:
            answer = self._reranker.score([(query, _text(hit)) for query, hit in candidates])
        logits = np.asarray(answer, np.float32)
        if logits.shape != (len(candidates),):
            raise ModelError(f"the reranker gave scores of shape {logits.shape} for {len(candidates)} pairs")
        if not np.isfinite(logits).all():
            query, hit = candidates[int(np.flatnonzero(~np.isfinite(logits))[0])]
            raise ModelError(f"the reranker gave a score that is not finite for {query[:60]!r} and {_text(hit)[:60]!r}")
        return logits

    def _token_pairs(self, candidates: Sequence[Candidate], tokenizer: str) -> list[TokenPair] | None:
        """The pairs as token ids, None where they are not there for all or not of the reranker's tokenizer."""
        wanted = self._reranker.tokenizer_fingerprint if isinstance(self._reranker, TokenReranker) else ""
        if not wanted or not tokenizer:
            return None
        if wanted != tokenizer:
            if not self._told:
                self._told = True
                logger.info(
                    "the token ids in the index are of another tokenizer than the reranker's (%.12s, not %.12s): "
                    "passages are tokenised at every search; `bicross retokenize` would rewrite them",
                    tokenizer,
                    wanted,
                )
            return None
        pairs = [(query, hit.tokens) for query, hit in candidates if hit.tokens is not None]
        return pairs if len(pairs) == len(candidates) else None


def _text(hit: Hit) -> str:
    return passage_text(hit.document.title, hit.passage.text)
