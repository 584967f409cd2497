"""Stages: the retriever and the reranker that a pipeline holds, and what passes between them. Knows no order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..index import Hit, Predicate
from ..rerank import Reranker
from ..retrieval import Retriever, TokenRetriever
from .reranking import Deadline, Enough, read_candidates
from .scoring import CandidateScorer


@dataclass(frozen=True, slots=True)
class Stages:
    """What a pipeline holds until it is closed. A search that is under way keeps them to its end."""

    retriever: Retriever
    reranker: Reranker | None
    scorer: CandidateScorer | None

    def retrieve(self, queries: Sequence[str], k: int, where: Predicate | None) -> tuple[list[list[Hit]], str]:
        """Candidates, and the fingerprint of the tokenizer of their token ids; empty where they are not to be used."""
        if not queries:
            return [], ""
        tokenizer = tokenizer_of(self.retriever)
        candidates = self.retriever.retrieve(queries, k, where=where)
        # An index that moved to a newer generation meanwhile may have another tokenizer: whose ids these are is open.
        return candidates, tokenizer if tokenizer == tokenizer_of(self.retriever) else ""

    def read(
        self,
        queries: Sequence[str],
        candidates: Sequence[Sequence[Hit]],
        *,
        tokenizer: str,
        deadline: Deadline | None,
        enough: Enough | None,
    ) -> list[NDArray[np.float32]]:
        """The logits of the first candidates of each query; of none without a reranker."""
        scorer = self.scorer
        if scorer is None:
            return [np.empty(0, np.float32) for _ in queries]
        score = partial(scorer.score, tokenizer=tokenizer)
        return read_candidates(queries, candidates, score, deadline=deadline, enough=enough)


def tokenizer_of(retriever: Retriever) -> str:
    """The fingerprint of the tokenizer of the token ids that its hits carry; empty where they carry none."""
    return retriever.tokenizer if isinstance(retriever, TokenRetriever) else ""
