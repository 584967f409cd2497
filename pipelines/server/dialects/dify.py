"""Dify's external knowledge: ``POST /retrieval`` searches an index."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any, cast

import pyarrow.compute as pc
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from ...search import Timings
from ..asking import TheService, answered
from ..http import ApiError, api_error, documented, json_response
from ..own import SearchRequest, check_search, search_tokens
from .requests import RetrievalRequest


class DifyErrorBody(BaseModel):
    """What Dify reads."""

    error_code: int
    error_msg: str


router = APIRouter(tags=["Dify"], responses=documented(DifyErrorBody))
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "is": lambda field, value: field == value,
    "is not": lambda field, value: field != value,
    "=": lambda field, value: field == _number(value),
    "≠": lambda field, value: field != _number(value),
    ">": lambda field, value: field > _number(value),
    "<": lambda field, value: field < _number(value),
    "≥": lambda field, value: field >= _number(value),
    "≤": lambda field, value: field <= _number(value),
    "after": lambda field, value: field > value,
    "before": lambda field, value: field < value,
}


class DifyError(ApiError):
    """An error as Dify reads it."""

    def to_dict(self) -> dict[str, object]:
        """Return Dify's JSON."""
        return {"error_code": 2001 if self.kind == "unknown_index" else self.status, "error_msg": self.message}


@contextmanager
def dify_errors() -> Generator[None]:
    """Turn errors of the block into those of Dify."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it goes on as another one
        answer = api_error(error)
        raise DifyError(answer.status, answer.kind, answer.message, retry_after=answer.retry_after) from None


@router.post("/retrieval", summary="Search an index, as external knowledge of Dify")
async def retrieval(body: RetrievalRequest, request: Request, service: TheService) -> Response:
    """Return the best passages of the index whose name is `knowledge_id`; `score` is relevance, from 0 to 1."""
    with dify_errors():
        served = service.index(body.knowledge_id)
        setting = body.retrieval_setting
        asked = SearchRequest(query=body.query, top_k=setting.top_k, min_relevance=setting.score_threshold)
        check_search(asked, [body.query], service.settings.limits)
        where = _where(body.metadata_condition)

        def work() -> Response:
            started, timings = time.perf_counter(), Timings()
            answers = served.pipeline.search_batch(
                [body.query], top_k=setting.top_k, min_relevance=setting.score_threshold, where=where, timings=timings
            )
            service.searched(served, [body.query], answers, timings, seconds=time.perf_counter() - started)
            records = [
                {
                    "content": result.passage.text,
                    "score": result.relevance,
                    "title": result.document.title or result.document.id,
                    "metadata": {**result.document.metadata, "document_id": result.document.id},
                }
                for result in answers[0]
            ]
            return json_response({"records": records})

        tokens = search_tokens(service, served, asked, [body.query])
        return await answered(request, service, work, tokens=tokens)


def _where(condition: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - an Arrow expression, or None
    """Turn Dify's conditions on metadata into a filter."""
    conditions = cast("Sequence[Any]", (condition or {}).get("conditions") or [])
    if not conditions:
        return None
    if not all(isinstance(each, dict) for each in conditions):
        raise ApiError(400, "bad_filter", "conditions must be objects", param="metadata_condition")
    parts = [_one(each) for each in cast("Sequence[Mapping[str, Any]]", conditions)]
    return reduce(_either if (condition or {}).get("logical_operator") == "or" else _both, parts)


def _one(condition: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an Arrow expression
    given = condition.get("name")
    names = cast("Sequence[Any]", given if isinstance(given, list) else [given])
    operator, value = condition.get("comparison_operator"), condition.get("value")
    if operator not in _OPERATORS or not names or not all(isinstance(name, str) for name in names):
        operators = ", ".join(_OPERATORS)
        raise ApiError(400, "bad_filter", f"conditions need a name and one of: {operators}", param="metadata_condition")
    if not isinstance(value, str | int | float):
        raise ApiError(400, "bad_filter", "the value of a condition is a text or a number", param="metadata_condition")
    compare = _OPERATORS[str(operator)]
    return reduce(_either, [compare(pc.field(name), value) for name in names])


def _either(left: Any, right: Any) -> Any:  # noqa: ANN401 - Arrow expressions
    return left | right


def _both(left: Any, right: Any) -> Any:  # noqa: ANN401 - Arrow expressions
    return left & right


def _number(value: object) -> object:
    try:
        number = float(str(value))
    except ValueError:
        return value
    return int(number) if number.is_integer() else number
