"""Lists that a reranker scored, for queries that nobody judged: what an encoder learns from. Knows no training."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ...errors import ArgumentError, EvaluationError
from ...index import passage_text
from ...rerank import Reranker
from ...retrieval import Retriever
from ...training import RankingList
from ..evaluation import read_topics
from ..lines import text_lines
from ..search import CandidateScorer, check_query, query_slices, tokenizer_fingerprint

_TOPIC_SUFFIXES = (".jsonl", ".tsv")


def read_queries(path: str | Path) -> list[str]:
    """Queries of a file, each once: one a line, or with ids as ``read_topics`` reads them (JSON Lines, TSV, TREC).

    Raises ``EvaluationError`` where there are none, and ``QueryError`` for one that cannot be searched.
    """
    path = Path(path)
    first = next(text_lines(path), (1, ""))[1]
    if path.suffix in _TOPIC_SUFFIXES or first.lstrip().startswith("<top>"):
        texts = [text.strip() for text in read_topics(path).values() if text.strip()]
    else:
        texts = [line.strip() for _, line in text_lines(path)]
    queries = list(dict.fromkeys(texts))
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
    """The first ``depth`` candidates of stage one for each query, with the reranker's logits as labels, best first.

    Queries for which stage one finds less than two documents are left out, as there is nothing to order. Raises
    ``ArgumentError`` where that leaves none. ``on_progress`` is told how many queries are done, of how many.
    """
    if depth < 2:
        raise ArgumentError(f"depth must be at least 2, not {depth}: a list of one has no order to learn")
    lists: list[RankingList] = []
    scorer = CandidateScorer(reranker)
    done = 0
    for some in query_slices(queries):
        lists += _scored(some, retriever, scorer, depth)
        done += len(some)
        on_progress(done, len(queries))
    if not lists:
        raise ArgumentError(
            f"stage one found less than two documents for each of the {len(queries)} queries: "
            "there is no order to learn; index more documents"
        )
    return lists


def _scored(queries: Sequence[str], retriever: Retriever, scorer: CandidateScorer, depth: int) -> Iterator[RankingList]:
    candidates = retriever.retrieve(queries, depth)
    pairs = [(query, hit) for query, hits in zip(queries, candidates, strict=True) for hit in hits]
    logits, _ = scorer.score(pairs, tokenizer=tokenizer_fingerprint(retriever))
    scores = iter(logits.tolist())
    for query, hits in zip(queries, candidates, strict=True):
        scored = [(next(scores), passage_text(hit.document.title, hit.passage.text)) for hit in hits]
        scored.sort(key=lambda one: -one[0])  # equal ones stay in the order of stage one
        if len(scored) > 1:
            labels, passages = zip(*scored, strict=True)
            yield RankingList(query, passages, labels)
