"""Makes ranking lists from queries without judgments: for distillation from a reranker, and for exit heads."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ...errors import ArgumentError, EvaluationError
from ...errors.arguments import checked_count, checked_path, checked_texts
from ...index import Hit
from ...rerank import Reranker, cutting_queries
from ...retrieval import Retriever
from ...training import RankingList
from ..evaluation import has_ids, read_topics
from ..lines import text_lines
from ..search import (
    MAX_QUERY_CHARACTERS,
    CandidateScorer,
    candidate_text,
    check_query,
    checked_reranker,
    checked_retriever,
    query_slices,
    tokenizer_fingerprint,
)

EXIT_DEPTH = 100
"""Exit heads learn from this many first candidates of a query: a search reranks as many by default."""
EXIT_PASSAGES = 24


def read_queries(path: str | Path) -> list[str]:
    """Read the distinct queries of a file: one per line, or JSON Lines, TSV or TREC topics with ids.

    Those that are longer than a search takes are cut.

    Raises:
        EvaluationError: The file has no queries.
        QueryError: A query cannot be searched.
    """
    path = checked_path(path)
    if has_ids(path):
        texts = [text.strip() for text in read_topics(path).values() if text.strip()]
    else:
        texts = [line.strip() for _, line in text_lines(path)]
    queries = list(dict.fromkeys(text[:MAX_QUERY_CHARACTERS].strip() for text in texts))
    if not queries:
        raise EvaluationError("holds no queries", source=str(path))
    for number, query in enumerate(queries):
        check_query(query, number)
    return queries


def distilled_lists(
    queries: Sequence[str],
    retriever: Retriever,
    reranker: Reranker,
    *,
    depth: int,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[RankingList]:
    """Return the first-stage candidates of each query, best first, with the reranker's logits as labels.

    Queries with fewer than two candidates are left out, because there is nothing to rank.

    Args:
        queries: The texts of the queries.
        retriever: The first stage.
        reranker: The teacher.
        depth: Candidates per query, at least 2.
        on_progress: Called with the number of finished queries and the number of all queries.

    Raises:
        ArgumentError: ``depth`` is too small, or no query has two candidates.
    """
    queries, retriever = checked_texts(queries, "queries"), checked_retriever(retriever)
    checked_reranker(reranker)
    if checked_count(depth, "depth", least=0) < 2:
        raise ArgumentError(f"depth must be at least 2, not {depth}: one candidate has no order to learn")
    lists: list[RankingList] = []
    scorer = CandidateScorer(cutting_queries(reranker))
    tokenizer = tokenizer_fingerprint(retriever)
    done = 0
    for batch in query_slices(queries):
        lists += _scored(batch, retriever.retrieve(batch, depth), scorer, tokenizer)
        done += len(batch)
        on_progress(done, len(queries))
    if not lists:
        raise ArgumentError(
            f"the first stage found less than two documents for each of the {len(queries)} queries: "
            "there is no order to learn; index more documents"
        )
    return lists


def _scored(
    queries: Sequence[str], candidates: Sequence[Sequence[Hit]], scorer: CandidateScorer, tokenizer: str
) -> Iterator[RankingList]:
    pairs = [(query, hit) for query, hits in zip(queries, candidates, strict=True) for hit in hits]
    logits, _ = scorer.score(pairs, tokenizer=tokenizer)
    scores = iter(logits.tolist())
    for query, hits in zip(queries, candidates, strict=True):
        scored = [(next(scores), candidate_text(hit)) for hit in hits]
        scored.sort(key=lambda pair: -pair[0])  # equal scores stay in first-stage order
        if len(scored) > 1:
            labels, passages = zip(*scored, strict=True)
            yield RankingList(query, passages, labels)


def exit_lists(
    retriever: Retriever,
    queries: Sequence[str],
    *,
    passages: int = EXIT_PASSAGES,
    depth: int = EXIT_DEPTH,
    seed: int = 0,
) -> list[RankingList]:
    """Return each query with a random sample of its candidates, in first-stage order.

    Labels are 0: an exit head learns the scores of the model's last layer. Queries with fewer than two candidates are
    left out.

    Args:
        retriever: The first stage.
        queries: The texts of the queries.
        passages: Candidates in a list, or as many as there are.
        depth: The first candidates from which they are drawn.
        seed: Random seed.

    Raises:
        ArgumentError: ``passages`` is not from 2 to ``depth``.
    """
    queries, retriever = checked_texts(queries, "queries"), checked_retriever(retriever)
    checked_count(seed, "seed", least=0)
    if not 2 <= checked_count(passages, "passages", least=0) <= checked_count(depth, "depth", least=0):
        raise ArgumentError(f"passages must be from 2 to the depth of {depth}, not {passages}")
    random = np.random.default_rng(seed)
    lists: list[RankingList] = []
    for batch in query_slices(queries):
        for query, hits in zip(batch, retriever.retrieve(batch, depth), strict=True):
            if len(hits) < 2:
                continue
            drawn: list[int] = sorted(random.choice(len(hits), min(passages, len(hits)), replace=False).tolist())
            texts = tuple(candidate_text(hits[i]) for i in drawn)
            lists.append(RankingList(query, texts, (0.0,) * len(texts)))
    return lists
