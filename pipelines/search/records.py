"""Converts search results to JSON records."""

import dataclasses
from collections.abc import Sequence

from .scoring import SearchResult
from .timings import Depth


def result_record(result: SearchResult, *, stages: bool = False) -> dict[str, object]:
    """Return a result as JSON: the field names are those of ``SearchResult``; its ``stages`` only where asked for."""
    explained = {"stages": [dataclasses.asdict(stage) for stage in result.stages]} if stages else {}
    return {
        "rank": result.rank,
        "score": result.score,
        "relevance": result.relevance,
        "logit": result.logit,
        "retrieval_score": result.retrieval_score,
        "retrieval_rank": result.retrieval_rank,
        "dense_score": result.dense_score,
        "lexical_score": result.lexical_score,
        "exit_layer": result.exit_layer,
        "generation": result.generation,
        "document": {
            "id": result.document.id,
            "title": result.document.title,
            "text": result.document.text,
            "metadata": dict(result.document.metadata),
        },
        "passage": {"text": result.passage.text, "start": result.passage.start, "end": result.passage.end},
        **explained,
    }


def search_record(
    query: str, results: Sequence[SearchResult], depth: Depth, *, stages: bool = False
) -> dict[str, object]:
    """Return the answer to a query as JSON; ``reranked`` of its ``candidates`` were scored by the reranker.

    With ``stages`` each result has its ranks and scores through every stage. A query that was too long, and skipped,
    has ``skipped`` too.
    """
    records = [result_record(result, stages=stages) for result in results]
    return {
        "query": query,
        "reranked": depth.reranked,
        "candidates": depth.candidates,
        "generation": depth.generation,
        "results": records,
        **({"skipped": True} if depth.skipped else {}),
    }
