"""Converts search results to JSON records, and to tables."""

import dataclasses
import json
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, cast

import pyarrow as pa

if TYPE_CHECKING:
    from pandas import DataFrame

from ...errors import ArgumentError, MissingPackage
from ...errors.arguments import checked_items, described
from ...index import Coverage
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
    has ``skipped`` too, and the answer of an index in shards has its ``coverage``.
    """
    records = [result_record(result, stages=stages) for result in results]
    return {
        "query": query,
        "reranked": depth.reranked,
        "candidates": depth.candidates,
        "generation": depth.generation,
        "results": records,
        **({"skipped": True} if depth.skipped else {}),
        **({} if depth.coverage is None else {"coverage": coverage_record(depth.coverage)}),
    }


def coverage_record(coverage: Coverage) -> dict[str, object]:
    """Return a coverage as JSON: its fields, and whether it is ``complete``."""
    return {"complete": coverage.complete, **dataclasses.asdict(coverage)}


Results = Sequence[SearchResult] | Sequence[Sequence[SearchResult]]
_TYPES = {
    "query": pa.int64(),
    "rank": pa.int64(),
    "id": pa.string(),
    "title": pa.string(),
    "text": pa.large_string(),
    "passage": pa.large_string(),
    "start": pa.int64(),
    "end": pa.int64(),
    "score": pa.float64(),
    "relevance": pa.float64(),
    "logit": pa.float64(),
    "retrieval_score": pa.float64(),
    "retrieval_rank": pa.int64(),
    "dense_score": pa.float64(),
    "lexical_score": pa.float64(),
    "exit_layer": pa.int64(),
    "generation": pa.int64(),
    "metadata": pa.large_string(),
}


def to_arrow(results: Results) -> pa.Table:
    """Return results as an Arrow table, a row for each.

    Args:
        results: What ``search`` or ``search_batch`` returned.

    Returns:
        A table with the place of the query in the batch (0 for a search alone), the document's id, title and text, the
        passage with its place in the text, the fields of ``SearchResult``, and the metadata as JSON.

    Raises:
        ArgumentError: These are no results.
    """
    rows = _rows(results)
    for row in rows:
        row["metadata"] = json.dumps(row["metadata"], ensure_ascii=False)
    return pa.table({name: pa.array([row[name] for row in rows], type_) for name, type_ in _TYPES.items()})


def to_pandas(results: Results) -> "DataFrame":
    """Return results as a DataFrame of pandas: as ``to_arrow``, but with the metadata as dicts.

    Args:
        results: What ``search`` or ``search_batch`` returned.

    Raises:
        ArgumentError: These are no results.
        MissingPackage: pandas is not installed.
    """
    try:
        import_module("pandas")
    except ModuleNotFoundError as error:
        raise MissingPackage("to_pandas needs pandas, which is not installed: pip install pandas") from error
    frame = to_arrow(results).drop_columns(["metadata"]).to_pandas()  # pyright: ignore[reportUnknownMemberType]
    frame["metadata"] = [row["metadata"] for row in _rows(results)]
    return frame


def _rows(results: Results) -> list[dict[str, object]]:
    """Return the values of each result by the names of the columns."""
    given = checked_items(results, "results", "results of a search")
    batch = [given] if all(isinstance(item, SearchResult) for item in given) else given
    return [_row(query, result) for query, line in enumerate(batch) for result in checked_items(line, "results")]


def _row(query: int, result: object) -> dict[str, object]:
    if not isinstance(result, SearchResult):
        raise ArgumentError(f"results must be what search or search_batch returned, not {described(result)}")
    record = result_record(result)
    document, passage = (cast("dict[str, object]", record.pop(name)) for name in ("document", "passage"))
    place = {"start": passage["start"], "end": passage["end"]}
    return {"query": query, **document, "passage": passage["text"], **place, **record}
