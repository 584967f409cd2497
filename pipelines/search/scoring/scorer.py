"""CandidateScorer: computes the logits of candidates from texts or token ids, with a cache."""

import logging
import uuid
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ....errors import ModelError
from ....index import Hit, passage_text
from ....rerank import (
    Cascade,
    CascadeReranker,
    CascadeScores,
    Pair,
    RankingKey,
    Reranker,
    TokenPair,
    TokenVectorPair,
    TokenVectorReranker,
    can_exit_early,
    distinct,
    group_by_query,
    is_identified,
    merge_scores,
    restrict_key,
    run_cascade,
    takes_token_ids,
    takes_token_vectors,
)
from .score_cache import ScoreCache, pair_key

logger = logging.getLogger("bicross")

QueryHit = tuple[str, Hit]
"""A query and a hit that was found for it."""


class CandidateScorer:
    """Scores candidates with a reranker, checks the logits, and keeps them in the cache if there is one.

    Threads may share a scorer.

    Args:
        reranker: The model.
        cache: Keeps logits; None computes every logit anew.
    """

    def __init__(self, reranker: Reranker, *, cache: ScoreCache | None = None) -> None:
        self._reranker = reranker
        self._cache = cache
        # A reranker without a fingerprint must not share scores with another one: the scorer itself identifies it.
        named = reranker.fingerprint if cache and is_identified(reranker) else ""
        exits = reranker.exits_fingerprint if cache and can_exit_early(reranker) else ""
        self._identity, self._exits = named or uuid.uuid4().hex, exits or uuid.uuid4().hex
        self._logged_mismatch = self._logged_missing = False

    def score(
        self, candidates: Sequence[QueryHit], *, tokenizer: str = "", late_interaction: str = ""
    ) -> tuple[NDArray[np.float32], int]:
        """Score candidates; a query and a text that come several times are scored once.

        Args:
            candidates: Pairs of a query and a hit.
            tokenizer: Fingerprint of the tokenizer that made the token ids of the hits; empty where they have none.
            late_interaction: Fingerprint of the model that made their token vectors; empty where they have none.

        Returns:
            Logits of shape (len(candidates),), float32, and how many of them the reranker had to compute.

        Raises:
            ModelError: The reranker returned the wrong number of logits, or one that is not finite.
        """
        rows, inverse = distinct([(query, candidate_text(hit)) for query, hit in candidates])
        if len(rows) < len(candidates):
            logits, computed = self.score(
                [candidates[row] for row in rows], tokenizer=tokenizer, late_interaction=late_interaction
            )
            return logits[inverse], computed
        if self._cache is None:
            return self._compute(candidates, tokenizer, late_interaction), len(candidates)
        keys = self._keys(candidates)
        cached = self._cache.get(keys)
        missing = [i for i, logit in enumerate(cached) if logit is None]
        logits = np.array([np.nan if logit is None else logit for logit in cached], np.float32)
        if missing:
            logits[missing] = self._compute([candidates[i] for i in missing], tokenizer, late_interaction)
            self._cache.put([keys[i] for i in missing], logits[missing].tolist())
        return logits, len(missing)

    def score_cascade(
        self, candidates: Sequence[QueryHit], cascade: Cascade, ranking_key: RankingKey, *, tokenizer: str = ""
    ) -> tuple[CascadeScores, int]:
        """Score candidates by a cascade of a ``CascadeReranker``.

        The cache also keeps the logits of early exits, each exit's separately. Which candidates go on depends on all
        candidates of a query. The query is therefore scored anew unless the cache has every logit that is needed; the
        result is the same in both cases.

        Args:
            candidates: Pairs of a query and a hit.
            cascade: Pairs of a layer and the number of candidates that go on after it.
            ranking_key: Computes what the candidates are ordered by after a layer.
            tokenizer: Fingerprint of the tokenizer that made the token ids of the hits; empty where they have none.

        Returns:
            The scores, and how many candidates the reranker had to compute.
        """
        if self._cache is None:
            return self._compute_cascade(candidates, cascade, ranking_key, tokenizer), len(candidates)
        parts, missing = list[tuple[NDArray[np.int64], CascadeScores]](), list[int]()
        for rows in group_by_query([query for query, _ in candidates]):
            numbers: list[int] = rows.tolist()
            recalled = self._recalled(
                self._cache, [candidates[i] for i in numbers], cascade, restrict_key(ranking_key, rows)
            )
            if recalled is None:
                missing += numbers
            else:
                parts.append((rows, recalled))
        if missing:
            rows, missing_candidates = np.array(missing), [candidates[i] for i in missing]
            parts.append(
                (rows, self._compute_cascade(missing_candidates, cascade, restrict_key(ranking_key, rows), tokenizer))
            )
            self._remember(self._cache, missing_candidates, parts[-1][1])
        return merge_scores(parts, len(candidates)), len(missing)

    def _recalled(
        self, cache: ScoreCache, candidates: Sequence[QueryHit], cascade: Cascade, ranking_key: RankingKey
    ) -> CascadeScores | None:
        """Run the cascade of one query on logits from the cache; None where the cache misses one of them."""
        missed = False

        def remembered(layer: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
            nonlocal missed
            numbers: list[int] = rows.tolist()
            logits = [] if missed else cache.get(self._keys([candidates[i] for i in numbers], layer))
            missed = missed or None in logits
            return np.zeros(len(rows), np.float32) if missed else np.array(logits, np.float32)

        queries = [query for query, _ in candidates]
        scores = run_cascade(queries, cascade, remembered, ranking_key=ranking_key)
        return None if missed else scores

    def _remember(self, cache: ScoreCache, candidates: Sequence[QueryHit], scores: CascadeScores) -> None:
        whole = np.where(scores.stopped == 0, scores.logits, np.nan)
        for layer, logits in {0: whole, **scores.exits}.items():
            rows: list[int] = np.flatnonzero(~np.isnan(logits)).tolist()
            cache.put(self._keys([candidates[i] for i in rows], layer), logits[rows].tolist())

    def _keys(self, candidates: Sequence[QueryHit], layer: int = 0) -> list[bytes]:
        """Return the cache keys; those of the last layer are the same with and without a cascade."""
        identity = f"{self._exits} {layer}" if layer else self._identity
        return [pair_key(identity, query, candidate_text(hit)) for query, hit in candidates]

    def _compute(self, candidates: Sequence[QueryHit], tokenizer: str, late_interaction: str) -> NDArray[np.float32]:
        """Compute logits, and raise ``ModelError`` where one is not finite."""
        if takes_token_vectors(self._reranker):
            pairs = self._vector_pairs(self._reranker, candidates, late_interaction)
            if pairs is not None:
                return _checked(self._reranker.score_token_vectors(pairs), candidates)
        ids = self._token_pairs(candidates, tokenizer)
        if ids is not None and takes_token_ids(self._reranker):
            answer = self._reranker.score_tokens(ids)
        else:
            answer = self._reranker.score(_text_pairs(candidates))
        return _checked(answer, candidates)

    def _compute_cascade(
        self, candidates: Sequence[QueryHit], cascade: Cascade, ranking_key: RankingKey, tokenizer: str
    ) -> CascadeScores:
        ids, reranker = self._token_pairs(candidates, tokenizer), cast(CascadeReranker, self._reranker)
        if ids is not None:
            scores = reranker.score_cascade_tokens(ids, cascade, ranking_key=ranking_key)
        else:
            scores = reranker.score_cascade(_text_pairs(candidates), cascade, ranking_key=ranking_key)
        _checked(scores.logits, candidates)
        return scores

    def _vector_pairs(
        self, reranker: TokenVectorReranker, candidates: Sequence[QueryHit], late_interaction: str
    ) -> list[TokenVectorPair] | None:
        """Return the pairs as token vectors; None where some have none, or another model made them."""
        if late_interaction == reranker.late_interaction_fingerprint:
            pairs = [(query, hit.token_vectors) for query, hit in candidates if hit.token_vectors is not None]
            if len(pairs) == len(candidates):
                return pairs
        if not self._logged_missing:
            self._logged_missing = True
            logger.warning(
                "the index keeps no token vectors of this reranker, which computes those of every candidate at every "
                "search: `bicross precompute` stores them"
            )
        return None

    def _token_pairs(self, candidates: Sequence[QueryHit], tokenizer: str) -> list[TokenPair] | None:
        """Return the pairs as token ids; None where some have none, or another tokenizer made them."""
        tokenizer_of_reranker = self._reranker.tokenizer_fingerprint if takes_token_ids(self._reranker) else ""
        if not tokenizer_of_reranker or not tokenizer:
            return None
        if tokenizer_of_reranker != tokenizer:
            if not self._logged_mismatch:
                self._logged_mismatch = True
                logger.info(
                    "the token ids in the index are of another tokenizer than the reranker's (%.12s, not %.12s): "
                    "passages are tokenised at every search; `bicross retokenize` would rewrite them",
                    tokenizer,
                    tokenizer_of_reranker,
                )
            return None
        pairs = [(query, hit.tokens) for query, hit in candidates if hit.tokens is not None]
        return pairs if len(pairs) == len(candidates) else None


def _checked(answer: NDArray[np.float32], candidates: Sequence[QueryHit]) -> NDArray[np.float32]:
    """Return the logits after a check that there is a finite one for each candidate."""
    logits = np.asarray(answer, np.float32)
    if logits.shape != (len(candidates),):
        raise ModelError(f"the reranker gave scores of shape {logits.shape} for {len(candidates)} pairs")
    if not np.isfinite(logits).all():
        query, hit = candidates[int(np.flatnonzero(~np.isfinite(logits))[0])]
        raise ModelError(
            f"the reranker gave a score that is not finite for {query[:60]!r} and {candidate_text(hit)[:60]!r}"
        )
    return logits


def _text_pairs(candidates: Sequence[QueryHit]) -> list[Pair]:
    return [(query, candidate_text(hit)) for query, hit in candidates]


def candidate_text(hit: Hit) -> str:
    """The text that the reranker scores with a query: the passage that was found, after its title."""
    return passage_text(hit.document.title, hit.passage.text)
