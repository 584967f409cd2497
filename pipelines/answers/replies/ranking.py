"""rank_replies: which of some candidates is the best reply to a dialogue."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from ....errors import ArgumentError
from ....errors.arguments import checked_count, checked_texts, described
from ....index import Document, Hit, Passage, Predicate
from ....models import DEFAULT_ENCODER
from ....rerank import DEFAULT_RERANKER, Reranker
from ....retrieval import Encoder
from ...models import load_encoder, open_reranker, require_encoder
from ...search import SearchPipeline
from .dialogue import DialogueTurn, checked_turns, fitting_models, fold_dialogue


@dataclass(frozen=True, slots=True)
class RankedReply:
    """A candidate of ``rank_replies``.

    Attributes:
        index: Its place in the list that was given.
        text: Its text.
        score: What the list is ordered by, as ``SearchResult.score``.
        relevance: A number from 0 to 1 that never rises down the list, as ``SearchResult.relevance``.
    """

    index: int
    text: str
    score: float
    relevance: float


def rank_replies(
    dialogue: Sequence[DialogueTurn],
    candidates: Sequence[str],
    *,
    encoder: str | Path | Encoder | None = DEFAULT_ENCODER,
    reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
    top_k: int | None = None,
    turns: int | None = None,
) -> list[RankedReply]:
    """Rank candidates by how well they reply to a dialogue.

    Both stages of a search score each candidate, and their scores are blended as in a search. Models that are given by
    name are loaded in each call: give loaded ones to call it often.

    Args:
        dialogue: The turns, the latest last: texts, ``Turn`` objects or chat messages. Earlier turns are folded into
            the query as far as the models have room, the latest of them first.
        candidates: The texts of the replies. A long one is cut, as every passage is.
        encoder: The first stage; None takes the reranker alone.
        reranker: The second stage; None takes the cosines of the encoder alone.
        top_k: How many are returned; None returns all.
        turns: The most turns that are used: 1 is the latest alone. None takes all that fit.

    Returns:
        The candidates, the best first. Ties keep the order of ``candidates``.

    Raises:
        ArgumentError: The dialogue or the candidates are empty, or a value is blank or of another type; or both models
            are None.
        ModelError: A model cannot be loaded.

    Example:
        >>> dialogue = ["my phone is broken", "which part of it?", "the screen"]
        >>> rank_replies(dialogue, ["We repair screens in an hour.", "We open at nine."])[0].index
        0
    """
    checked, texts = checked_turns(dialogue), _checked_candidates(candidates)
    if top_k is not None:
        checked_count(top_k, "top_k")
    if turns is not None:
        checked_count(turns, "turns")
    if encoder is None and reranker is None:
        raise ArgumentError("encoder and reranker are both None: give at least one model that scores the candidates")
    first = load_encoder(encoder) if isinstance(encoder, str | Path) else encoder
    if first is not None:
        require_encoder(first)
    second = open_reranker(reranker)
    query = fold_dialogue(checked, turns=turns, fits=fitting_models(first, second))
    pipeline = SearchPipeline(
        _Given(texts, first),
        second,
        retrieve_k=len(texts),
        rerank_k=None if second is None else len(texts),
        top_k=len(texts),
        blend=1.0 if first is None else None,
        long_queries="cut",
    )
    ranked = [
        RankedReply(int(result.document.id), texts[int(result.document.id)], result.score, result.relevance)
        for result in pipeline.search(query)
    ]
    return ranked[:top_k]


class _Given:
    """Retrieves from texts that were given, by their cosines; without an encoder in their order."""

    def __init__(self, texts: Sequence[str], encoder: Encoder | None) -> None:
        documents = [Document(str(number), text) for number, text in enumerate(texts)]
        self._candidates = [(document, Passage(document.text, 0, len(document.text))) for document in documents]
        self._encoder = encoder
        passages = [document.passage for document in documents]
        self._vectors = None if encoder is None else encoder.encode_documents(passages)

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        if self._encoder is None or self._vectors is None:
            return [[self._hit(number, 0.0) for number in range(len(self._candidates))[:k]] for _ in queries]
        cosines = self._encoder.encode_queries(queries) @ self._vectors.T
        return [
            [self._hit(number, float(row[number])) for number in np.argsort(-row, kind="stable")[:k].tolist()]
            for row in cosines
        ]

    def _hit(self, number: int, score: float) -> Hit:
        document, passage = self._candidates[number]
        return Hit(document, passage, score, dense_score=None if self._encoder is None else score)


def _checked_candidates(candidates: Sequence[str]) -> list[str]:
    if isinstance(cast("object", candidates), Mapping | Set):  # their order means nothing
        raise ArgumentError(f"candidates must be a list of texts, not {described(candidates)}")
    texts = checked_texts(candidates, "candidates")
    if not texts:
        raise ArgumentError("candidates is empty: give the replies that are to be ranked")
    for number, text in enumerate(texts):
        if not text.strip():
            raise ArgumentError(f"candidate {number} is empty ({text!r:.80}): leave it out")
    return texts
