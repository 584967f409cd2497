"""Makes ranking lists from pseudo-queries: each with passages of similar documents as negatives."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from ...errors import ArgumentError, SourceError
from ...index import Chunking, Hit
from ...rerank import Reranker
from ...retrieval import Encoder, Retriever
from ...training import RankingList
from ..progress import counting
from ..search import query_slices, standardised
from .first_stage import FirstStageSettings, documents_from, open_first_stage
from .pseudo_queries import MAX_WORDS, PairMaker, PseudoQueryKind, PseudoQueryPair, pair_makers, pseudo_query_pairs

MAX_HELD_OUT = 200

Lists = list[RankingList]


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoQueryOptions:
    """Which pairs to make lists of, and how.

    Of the pairs ``limit`` are drawn, by ``seed``; ``max_words`` and ``seed`` must be those that they were made with.
    Each is given ``negatives`` passages of other documents. With ``reranker`` pairs are filtered for consistency: a
    pair is kept if the reranker ranks its passage in the ``top_k`` of its list, and without the passages ranked above
    it, which may answer as well. The pairs of about a share ``held_out`` of the documents, and of 200 pairs or little
    more at most, are kept out of training.
    """

    max_words: int = MAX_WORDS
    limit: int | None = None
    negatives: int = 8
    reranker: Reranker | None = None
    top_k: int = 3
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("negatives", "top_k", "limit"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ArgumentError(f"{name} must be at least 1, not {getattr(self, name)!r}")
        if not 0 <= self.held_out < 1:
            raise ArgumentError(f"held_out is a share of the documents, from 0 to below 1, not {self.held_out!r}")


def pseudo_query_lists_from(
    source: Path,
    kinds: Collection[PseudoQueryKind],
    place: FirstStageSettings,
    options: PseudoQueryOptions,
    *,
    priors: bool = False,
) -> tuple[Lists, Lists]:
    """As ``pseudo_query_lists``, for a source of documents or an index; with the scores of stage one where ``priors``.

    Raises ``SourceError`` where the documents give no pair.
    """
    pairs = pseudo_query_pairs(documents_from(source), kinds=kinds, max_words=options.max_words, seed=options.seed)
    with (
        open_first_stage(documents_from(source), place, chunking=Chunking()) as retriever,
        counting("Making lists", shown=place.progress) as count,
    ):
        training, held_out = pseudo_query_lists(pairs, retriever, options, on_progress=count)
        if not priors:
            return training, held_out
        return with_priors(training, retriever.encoder), with_priors(held_out, retriever.encoder)


def pseudo_query_lists(
    pairs: Sequence[PseudoQueryPair],
    retriever: Retriever,
    options: PseudoQueryOptions,
    *,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Lists, Lists]:
    """Lists to train on and lists to measure on: the passage of a pair with grade 1, then others with grade 0.

    The others are made of the documents that ``retriever`` finds for the query, in its order, in the way in which the
    right one was made: nothing but what it says tells it from them. None has the query word by word. ``retriever``
    searches the collection that the pairs were made of. Raises ``SourceError`` where no pair passes the filter.
    ``on_progress`` is told how many pairs are done, of how many.
    """
    if options.limit is not None and options.limit < len(pairs):
        drawn = sorted(Random(options.seed).sample(range(len(pairs)), options.limit))
        pairs = [pairs[place] for place in drawn]
    kept_out = _held_out(pairs, options)
    training: Lists = []
    held_out: Lists = []
    others = _SimilarPassages(pair_makers(options.max_words, options.seed), options.negatives)
    done = 0
    for some in query_slices(pairs):
        for pair, one in zip(some, _consistent(list(others.lists(some, retriever)), options), strict=True):
            if one is not None:
                (held_out if pair.document_id in kept_out else training).append(one)
        done += len(some)
        on_progress(done, len(pairs))
    if not training:
        raise SourceError(
            f"consistency filtering keeps none of the {len(pairs)} pairs: the reranker ranks no passage in the "
            f"top {options.top_k} for its query; take another reranker, a larger top_k, or train without the filter"
        )
    return training, held_out


def with_priors(lists: Sequence[RankingList], encoder: Encoder) -> Lists:
    """The lists with the cosines of stage one as prior scores, of mean 0 and deviation 1 in each list."""
    passages = list(dict.fromkeys(passage for one in lists for passage in one.passages))
    place = {passage: number for number, passage in enumerate(passages)}
    vectors = encoder.encode_documents(passages)
    queries = encoder.encode_queries([one.query for one in lists])
    found: Lists = []
    for one, query in zip(lists, queries, strict=True):
        cosines = (vectors[[place[passage] for passage in one.passages]] @ query).astype(np.float64)
        found.append(dataclasses.replace(one, prior=tuple(standardised(cosines).tolist())))
    return found


def _held_out(pairs: Sequence[PseudoQueryPair], options: PseudoQueryOptions) -> set[str]:
    """The ids of documents whose pairs are kept out of training; never of all."""
    documents = list(dict.fromkeys(pair.document_id for pair in pairs))
    share = min(options.held_out, MAX_HELD_OUT / len(pairs))
    number = min(max(1, round(share * len(documents))), len(documents) - 1) if options.held_out else 0
    return set(Random(options.seed).sample(documents, number))


def _consistent(lists: Sequence[RankingList], options: PseudoQueryOptions) -> Iterator[RankingList | None]:
    """Consistency filtering: each list without the passages that the reranker ranks above the first, or None."""
    if options.reranker is None:
        yield from lists
        return
    logits = options.reranker.score([(one.query, passage) for one in lists for passage in one.passages]).tolist()
    start = 0
    for one in lists:
        answer, *others = logits[start : start + len(one.passages)]
        start += len(one.passages)
        below = [passage for passage, logit in zip(one.passages[1:], others, strict=True) if logit < answer]
        yield _list(one.query, one.passages[0], below) if len(others) - len(below) < options.top_k else None


class _SimilarPassages:
    """Passages of documents that stage one finds, made as those of the pairs are."""

    def __init__(self, makers: Mapping[PseudoQueryKind, PairMaker], wanted: int) -> None:
        self._makers, self._wanted = makers, wanted
        self._made: dict[tuple[PseudoQueryKind, str], list[str]] = {}

    def lists(self, pairs: Sequence[PseudoQueryPair], retriever: Retriever) -> Iterator[RankingList]:
        """Twice as many documents are looked at as are wanted: not each has a title, or headings."""
        found = retriever.retrieve([pair.query for pair in pairs], 2 * self._wanted + 1)
        for pair, hits in zip(pairs, found, strict=True):
            made = [self._passage(pair.kind, hit) for hit in hits if hit.document.id != pair.document_id]
            # What has the very words of the query answers it as well: a copy of the document, or one that quotes it.
            others = [one for one in dict.fromkeys(made) if one and _words(pair.query) not in _words(one)]
            yield _list(pair.query, pair.passage, others[: self._wanted])

    def _passage(self, kind: PseudoQueryKind, hit: Hit) -> str:
        """The one that shares most words with what stage one found of the document; empty where there is none."""
        key = (kind, hit.document.id)
        if key not in self._made:
            self._made[key] = [pair.passage for pair in self._makers[kind](hit.document)]
        near = set(hit.passage.text.split())
        return max(self._made[key], key=lambda passage: len(near & set(passage.split())), default="")


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _list(query: str, answer: str, others: Sequence[str]) -> RankingList:
    return RankingList(query, (answer, *others), (1.0, *[0.0] * len(others)))
