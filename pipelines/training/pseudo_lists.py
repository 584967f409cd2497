"""Makes ranking lists from pseudo-queries: each with similar passages of other documents as negatives."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from ...errors import ArgumentError, SourceError
from ...errors.arguments import checked_count, checked_instance, checked_items, checked_number
from ...index import Chunking, Hit, SourceReport
from ...rerank import Reranker
from ...retrieval import Encoder, Retriever
from ...training import RankingList
from ..progress import counting
from ..search import checked_reranker, checked_retriever, query_slices, standardised
from .first_stage import FirstStageSettings, open_first_stage
from .options import DataOptions, source_report
from .pseudo_queries import MAX_WORDS, PairMaker, PseudoQueryKind, PseudoQueryPair, pair_makers, pseudo_query_pairs

MAX_HELD_OUT = 200
"""Held-out lists, about: more would slow down every evaluation."""

Lists = list[RankingList]


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoQueryOptions:
    """Which pseudo-queries become lists, and how.

    Args:
        max_words: Words of a passage, as the pairs were made with.
        limit: Maximum number of pairs, drawn at random.
        negatives: Negatives in a list.
        reranker: For consistency filtering: a pair is kept if it ranks the passage in the ``top_k`` of its list. The
            passages that it ranks above are left out, because they may be relevant too.
        top_k: For consistency filtering.
        held_out: The share of the documents whose pairs are kept for evaluation, about 200 pairs at most.
        seed: Random seed, as the pairs were made with.

    Raises:
        ArgumentError: A value is out of its range.
    """

    max_words: int = MAX_WORDS
    limit: int | None = None
    negatives: int = 8
    reranker: Reranker | None = None
    top_k: int = 3
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("max_words", "negatives", "top_k", "limit"):
            if name != "limit" or self.limit is not None:
                checked_count(getattr(self, name), name)
        checked_count(self.seed, "seed", least=0)
        if self.reranker is not None:
            checked_reranker(self.reranker)
        if not 0 <= checked_number(self.held_out, "held_out", 0, 1) < 1:
            raise ArgumentError(f"held_out is a share of the documents, from 0 to below 1, not {self.held_out!r}")


def pseudo_query_lists_from(
    data: DataOptions,
    first_stage: FirstStageSettings,
    options: PseudoQueryOptions,
    *,
    priors: bool = False,
) -> tuple[Lists, Lists, SourceReport | None]:
    """Make the pseudo-queries of a source, and training and held-out lists of them.

    Args:
        data: The documents, and the kinds of pseudo-queries.
        first_stage: How negatives are found.
        options: Which pairs to take, and how many negatives.
        priors: Whether lists get the first-stage scores as prior scores.

    Returns:
        Training lists, held-out lists, and what was read of the source; None for an index.

    Raises:
        SourceError: The documents give no pseudo-query, or none passes the filter.
    """
    documents = data.documents()
    pairs = pseudo_query_pairs(documents, kinds=data.pseudo_queries, max_words=options.max_words, seed=options.seed)
    report = source_report(documents, data)
    with (
        open_first_stage(data.documents(), first_stage, chunking=Chunking()) as retriever,
        counting("Making lists", shown=first_stage.progress) as count,
    ):
        training, held_out = pseudo_query_lists(pairs, retriever, options, on_progress=count)
        if not priors:
            return training, held_out, report
        return with_priors(training, retriever.encoder), with_priors(held_out, retriever.encoder), report


def pseudo_query_lists(
    pairs: Sequence[PseudoQueryPair],
    retriever: Retriever,
    options: PseudoQueryOptions,
    *,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Lists, Lists]:
    """Return training lists and held-out lists: the passage of a pair with grade 1, then negatives with grade 0.

    Negatives come from the documents that the first stage finds for the query, and are cut like the passage of the
    pair, so that only their content tells them apart. None contains the query word for word.

    Args:
        pairs: Pseudo-queries and their passages.
        retriever: The first stage over the collection of the pairs.
        options: Which pairs to take, and how many negatives.
        on_progress: Called with the number of finished pairs and the number of all pairs.

    Raises:
        ArgumentError: There is no pair, or an argument is of a wrong type.
        SourceError: No pair passes the consistency filter.
    """
    checked_instance(options, PseudoQueryOptions, "options")
    checked_retriever(retriever)
    pairs = [checked_instance(pair, PseudoQueryPair, "each of pairs") for pair in checked_items(pairs, "pairs")]
    if not pairs:
        raise ArgumentError("pairs must not be empty: make them with pseudo_query_pairs")
    if options.limit is not None and options.limit < len(pairs):
        drawn = sorted(Random(options.seed).sample(range(len(pairs)), options.limit))
        pairs = [pairs[position] for position in drawn]
    held_out_ids = _held_out_documents(pairs, options)
    training: Lists = []
    held_out: Lists = []
    negatives = _SimilarPassages(pair_makers(options.max_words, options.seed), options.negatives)
    done = 0
    for batch in query_slices(pairs):
        # Twice as many documents as negatives: not every document has a title or headings.
        candidates = retriever.retrieve([pair.query for pair in batch], 2 * options.negatives + 1)
        lists = [negatives.list_of(pair, hits) for pair, hits in zip(batch, candidates, strict=True)]
        for pair, item in zip(batch, _consistent(lists, options), strict=True):
            if item is not None:
                (held_out if pair.document_id in held_out_ids else training).append(item)
        done += len(batch)
        on_progress(done, len(pairs))
    if not training:
        raise SourceError(
            f"consistency filtering keeps none of the {len(pairs)} pairs: the reranker ranks no passage in the "
            f"top {options.top_k} for its query; take another reranker, a larger top_k, or train without the filter"
        )
    return training, held_out


def with_priors(lists: Sequence[RankingList], encoder: Encoder) -> Lists:
    """Return the lists with prior scores: the cosines of query and passages, standardised over each list."""
    passages = list(dict.fromkeys(passage for item in lists for passage in item.passages))
    rows = {passage: row for row, passage in enumerate(passages)}
    vectors = encoder.encode_documents(passages)
    queries = encoder.encode_queries([item.query for item in lists])
    scored: Lists = []
    for item, query in zip(lists, queries, strict=True):
        cosines = vectors[[rows[passage] for passage in item.passages]] @ query
        prior = standardised(cosines.astype(np.float64))
        scored.append(dataclasses.replace(item, prior=tuple(prior.tolist())))
    return scored


def _held_out_documents(pairs: Sequence[PseudoQueryPair], options: PseudoQueryOptions) -> set[str]:
    """The ids of the documents whose pairs are held out; never of all documents."""
    documents = list(dict.fromkeys(pair.document_id for pair in pairs))
    share = min(options.held_out, MAX_HELD_OUT / len(pairs))
    number = min(max(1, round(share * len(documents))), len(documents) - 1) if options.held_out else 0
    return set(Random(options.seed).sample(documents, number))


def _consistent(lists: Sequence[RankingList], options: PseudoQueryOptions) -> Iterator[RankingList | None]:
    """Consistency filtering: each list without the passages that the reranker ranks above the first, or None.

    After Dai et al. 2022, Promptagator (arXiv 2209.11755), with a reranker in place of the retriever.
    """
    if options.reranker is None:
        yield from lists
        return
    logits = options.reranker.score([(item.query, passage) for item in lists for passage in item.passages]).tolist()
    start = 0
    for item in lists:
        positive, *others = logits[start : start + len(item.passages)]
        start += len(item.passages)
        below = [passage for passage, logit in zip(item.passages[1:], others, strict=True) if logit < positive]
        rank = 1 + len(others) - len(below)
        yield _list(item.query, item.passages[0], below) if rank <= options.top_k else None


class _SimilarPassages:
    """Finds negatives: passages of other documents, cut like those of the pairs."""

    def __init__(self, makers: Mapping[PseudoQueryKind, PairMaker], number: int) -> None:
        self._makers, self._number = makers, number
        self._passages: dict[tuple[PseudoQueryKind, str], list[str]] = {}

    def list_of(self, pair: PseudoQueryPair, hits: Sequence[Hit]) -> RankingList:
        """Return the list of a pair, with negatives from the documents of the hits."""
        passages = [self._passage(pair.kind, hit) for hit in hits if hit.document.id != pair.document_id]
        # A passage with the very words of the query is relevant too: a copy of the document, or one that quotes it.
        query = _words(pair.query)
        negatives = [passage for passage in dict.fromkeys(passages) if passage and query not in _words(passage)]
        return _list(pair.query, pair.passage, negatives[: self._number])

    def _passage(self, kind: PseudoQueryKind, hit: Hit) -> str:
        """The passage of that kind that shares most words with the hit; empty if the document has none."""
        key = (kind, hit.document.id)
        if key not in self._passages:
            self._passages[key] = [pair.passage for pair in self._makers[kind](hit.document)]
        words = set(hit.passage.text.split())
        return max(self._passages[key], key=lambda passage: len(words & set(passage.split())), default="")


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _list(query: str, positive: str, negatives: Sequence[str]) -> RankingList:
    return RankingList(query, (positive, *negatives), (1.0, *[0.0] * len(negatives)))
