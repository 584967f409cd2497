"""Pairs of a collection's own text as ranking lists: with near passages of other documents. Knows no trainer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ..errors import SourceError
from ..index import passage_text
from ..inference.training import RankingList
from ..rerank import Reranker
from ..retrieval import Retriever
from .own_text import OwnPair

PAIRS_AT_ONCE = 32
FIRST = 3
"""Where the reranker must put the passage of a pair: near the top, as other documents may answer as well."""
HELD_OUT_SHARE, MAX_HELD_OUT = 0.1, 200


@dataclass(frozen=True, slots=True)
class Believer:
    """Keeps a pair where ``reranker`` puts its passage among the ``first`` of all that stage one found for its query.

    What it puts above that passage may answer too, and is no negative.
    """

    reranker: Reranker
    first: int = FIRST

    def judged(self, lists: Sequence[RankingList]) -> Iterator[RankingList]:
        """The lists that are believed, of which the first passage is the answer, without what comes before it."""
        logits = self.reranker.score([(one.query, passage) for one in lists for passage in one.passages]).tolist()
        start = 0
        for one in lists:
            answer, *others = logits[start : start + len(one.passages)]
            start += len(one.passages)
            kept = [passage for passage, logit in zip(one.passages[1:], others, strict=True) if logit < answer]
            if len(others) - len(kept) < self.first:
                yield _list(one.query, one.passages[0], kept)


def own_text_lists(
    pairs: Sequence[OwnPair],
    retriever: Retriever,
    *,
    negatives: int,
    believer: Believer | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[RankingList]:
    """Each pair's passage with grade 1, and the nearest ``negatives`` passages of other documents with grade 0.

    A passage that has the query word by word is none of them. ``retriever`` searches the collection that the pairs were made of. Raises ``SourceError`` where ``believer`` leaves
    none. ``on_progress`` is told how many pairs are done.
    """
    lists: list[RankingList] = []
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start : start + PAIRS_AT_ONCE]
        found = list(_with_negatives(some, retriever, negatives))
        lists += found if believer is None else believer.judged(found)
        on_progress(start + len(some))
    if not lists:
        raise SourceError(
            f"the reranker puts none of the {len(pairs)} passages among the first for its own query: "
            "take another reranker, let it accept more places, or train without it"
        )
    return lists


def split_pairs(
    pairs: Sequence[OwnPair], *, share: float = HELD_OUT_SHARE, at_most: int = MAX_HELD_OUT, seed: int = 0
) -> tuple[list[OwnPair], list[OwnPair]]:
    """Pairs to train on and pairs to hold out, no document of which is in both; of one document all are trained on.

    About ``share`` of the pairs, and of the documents, are held out, and not many more than ``at_most``.
    """
    documents = list(dict.fromkeys(pair.document_id for pair in pairs))
    wanted = min(share * len(pairs), at_most)
    number = min(max(1, round(wanted * len(documents) / max(1, len(pairs)))), max(0, len(documents) - 1))
    kept_out = set(Random(seed).sample(documents, number))
    trained = [pair for pair in pairs if pair.document_id not in kept_out]
    return trained, [pair for pair in pairs if pair.document_id in kept_out]


def _with_negatives(pairs: Sequence[OwnPair], retriever: Retriever, negatives: int) -> Iterator[RankingList]:
    found = retriever.retrieve([pair.query for pair in pairs], negatives + 1)
    for pair, hits in zip(pairs, found, strict=True):
        near = [passage_text(h.document.title, h.passage.text) for h in hits if h.document.id != pair.document_id]
        # What has the very words of the query answers it as well: a copy of the document, or one that quotes it.
        others = [passage for passage in dict.fromkeys(near) if _words(pair.query) not in _words(passage)]
        yield _list(pair.query, pair.passage, others[:negatives])


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _list(query: str, answer: str, others: Sequence[str]) -> RankingList:
    return RankingList(query, (answer, *others), (1.0, *[0.0] * len(others)))
