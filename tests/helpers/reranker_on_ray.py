"""What a worker loads in place of a cross-encoder in tests on Ray: a reranker without a model, and with trouble."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bicross.errors import ModelNotFound, QueryError
from bicross.rerank import Platt
from numpy.typing import NDArray

from helpers.fakes import OverlapReranker

LIMIT = 12
"""The most words of a query."""


class WordReranker(OverlapReranker):
    """An ``OverlapReranker`` with all that a worker says of its reranker; token ids are the numbers of its words.

    A query "kill FILE" or "stop FILE" does that to its process; with FILE only where that is not there yet, and its
    number is written there.
    """

    fingerprint, model_fingerprint, tokenizer_fingerprint = "words-float32", "words", "words"
    max_length = 64
    calibration = Platt(1.0, 0.0)

    def __init__(self, *, cuts: bool = False) -> None:
        super().__init__(blend=0.75)
        self.cuts = cuts

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        if not self.cuts and (long := self.long_queries([query for query, _ in pairs])):
            raise QueryError(f"the query {pairs[min(long)][0]!r} {long[min(long)]}")
        for query, _ in pairs:
            word, _, flag = query.partition(" ")
            if word in ("kill", "stop") and not (flag and Path(flag).exists()):
                if flag:
                    Path(flag).write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL if word == "kill" else signal.SIGSTOP)
        return super().score([(" ".join(query.split()[:LIMIT]), passage) for query, passage in pairs])

    def score_tokens(self, pairs: Sequence[tuple[str, NDArray[np.uint16]]]) -> NDArray[np.float32]:
        return self.score([(query, " ".join(f"w{number}" for number in ids.tolist())) for query, ids in pairs])

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        lengths = {place: len(query.split()) for place, query in enumerate(queries)}
        return {place: f"has {length} words" for place, length in lengths.items() if length > LIMIT}

    def cutting_queries(self) -> "WordReranker":
        return WordReranker(cuts=True)

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        return [0.25 for _ in texts]


@dataclass(frozen=True)
class WordSpec:
    """In place of ``RerankerSpec``."""

    model: str
    device: str | None
    dtype: str

    def load(self) -> WordReranker:
        if self.model == "nowhere":
            raise ModelNotFound("there is no model 'nowhere'")
        return WordReranker()
