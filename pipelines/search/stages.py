"""Stages: the retriever and the reranker that a pipeline holds, and what passes between them. Knows no order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...errors import ArgumentError
from ...index import Hit, Predicate
from ...rerank import Reranker
from ...retrieval import ExploringRetriever, Retriever, TokenRetriever
from .options import RerankK
from .scoring import (
    CandidateScorer,
    CascadeSettings,
    Deadline,
    Enough,
    PassageScoring,
    ScoreCache,
    ScoredCandidates,
    StopRule,
    by_passages,
    passages_needed,
    require_cascade_fits,
    score_adaptively,
    score_in_cascade,
    score_within_budget,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends the reading of a query: ``depth`` documents, a deadline, or a rule."""

    depth: int
    deadline: Deadline | None = None
    enough: Enough | None = None


class Stages:
    """What a pipeline holds until it is closed. A search that is under way keeps them to its end."""

    def __init__(
        self,
        retriever: Retriever,
        reranker: Reranker | None,
        *,
        passages: PassageScoring = "best",
        adaptive: bool = False,
        cascade: CascadeSettings | None = None,
        cache: ScoreCache | None = None,
    ) -> None:
        needed, found = passages_needed(passages), getattr(retriever, "passages", 1)
        if found < needed:
            raise ArgumentError(
                f"passages={passages!r} reads up to {needed} passages of a document, and this "
                f"{type(retriever).__name__} finds {found}: make it with passages={needed}, if it can find more"
            )
        if adaptive and not isinstance(retriever, ExploringRetriever):
            raise ArgumentError(f"adaptive needs a retriever that knows neighbours, not {type(retriever).__name__}")
        if cascade is not None:
            require_cascade_fits(passages=passages, adaptive=adaptive)
        self.retriever = retriever
        self.reranker = reranker
        self.adaptive = adaptive
        self.cascade = cascade
        self._passages: PassageScoring = passages
        self._scorer = None if reranker is None else CandidateScorer(reranker, cache=cache)

    def require_rule(self, rerank_k: RerankK, rule: StopRule | None) -> None:
        """Raise ``ArgumentError`` where "auto" is asked for and cannot be had."""
        if rerank_k != "auto" or self.reranker is None:
            return
        if self.adaptive:
            raise ArgumentError(
                'rerank_k="auto" foresees the candidates of stage one alone: with adaptive give a number'
            )
        if self.cascade is not None:
            raise ArgumentError('rerank_k="auto" foresees logits of the whole reranker: with a cascade give a number')
        if rule is None:
            raise ArgumentError(
                'rerank_k="auto" needs a stop_rule: make one with SearchPipeline.fit_stop_rule(queries), '
                "store one with `bicross tune`, or give a number"
            )

    def retrieve(self, queries: Sequence[str], k: int, where: Predicate | None) -> tuple[list[list[Hit]], str]:
        """Candidates, and the fingerprint of the tokenizer of their token ids; empty where they are not to be used."""
        if not queries:
            return [], ""
        tokenizer = tokenizer_fingerprint(self.retriever)
        candidates = self.retriever.retrieve(queries, k, where=where)
        # An index that moved to a newer generation meanwhile may have another tokenizer: whose ids these are is open.
        return candidates, tokenizer if tokenizer == tokenizer_fingerprint(self.retriever) else ""

    def read(
        self,
        queries: Sequence[str],
        candidates: Sequence[Sequence[Hit]],
        limits: Limits,
        *,
        tokenizer: str,
        where: Predicate | None,
    ) -> list[ScoredCandidates]:
        """The logits of the first candidates of each query, or, where this is adaptive, of those that were worth it."""
        if self._scorer is None:
            return [ScoredCandidates.in_order(hits, np.empty(0, np.float32)) for hits in candidates]
        allowed = [hits[: limits.depth] for hits in candidates]
        if self.cascade is not None:
            read = score_in_cascade(
                self._scorer, self.cascade, queries, allowed, tokenizer=tokenizer, deadline=limits.deadline
            )
            return [ScoredCandidates.in_order(hits, *known) for hits, known in zip(candidates, read, strict=True)]
        score = by_passages(partial(self._scorer.score, tokenizer=tokenizer), self._passages)
        if self.adaptive and isinstance(self.retriever, ExploringRetriever) and queries:
            explorer = self.retriever.explorer(queries, where=where)
            return score_adaptively(queries, candidates, score, explorer, depth=limits.depth, deadline=limits.deadline)
        logits = score_within_budget(queries, allowed, score, deadline=limits.deadline, enough=limits.enough)
        return [ScoredCandidates.in_order(hits, known) for hits, known in zip(candidates, logits, strict=True)]


def tokenizer_fingerprint(retriever: Retriever) -> str:
    """The fingerprint of the tokenizer of the token ids that its hits carry; empty where they carry none."""
    return retriever.tokenizer if isinstance(retriever, TokenRetriever) else ""
