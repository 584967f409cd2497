"""The routes of TEI (text-embeddings-inference): ``/embed`` and ``/info``, and its errors."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from ..asking import TheService, answered
from ..http import ApiError, api_error, documented, json_response
from .embedding import embed_texts, embedding_tokens
from .requests import EmbedRequest


class TeiErrorBody(BaseModel):
    """What clients of TEI read."""

    error: str
    error_type: str


router = APIRouter(tags=["TEI"], responses=documented(TeiErrorBody))
_TYPES = {400: "Empty", 422: "Validation", 429: "Overloaded", 500: "Backend", 503: "Unhealthy", 504: "Backend"}


class TeiError(ApiError):
    """An error as TEI's clients read it."""

    def to_dict(self) -> dict[str, object]:
        """Return TEI's JSON."""
        return {"error": self.message, "error_type": _TYPES.get(self.status, "Validation")}


@contextmanager
def tei_errors() -> Generator[None]:
    """Turn errors of the block into those of TEI."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it goes on as another one
        answer = api_error(error)
        raise TeiError(answer.status, answer.kind, answer.message, retry_after=answer.retry_after) from None


@router.post("/embed", summary="Embed texts, as TEI does")
async def embed(body: EmbedRequest, request: Request, service: TheService) -> Response:
    """Return a vector of length one for each text."""
    texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
    with tei_errors():
        if not body.normalize:
            raise ApiError(422, "invalid", "the vectors of this server have length one: send normalize=true")
        truncate, queries = body.truncate is not False, body.prompt_name == "query"

        def work() -> Response:
            embedded = embed_texts(service, texts, queries=queries, dimensions=body.dimensions, truncate=truncate)
            return json_response(embedded.vectors.tolist())

        return await answered(request, service, work, tokens=embedding_tokens(service, texts))


@router.get("/info", summary="The models of this server, as TEI tells them")
async def info(service: TheService) -> Response:
    """Return the models and limits. Both kinds of models have their place under `model_type`."""
    limits, encoder = service.settings.limits, service.index().encoder
    name = service.reranker_name
    kinds: dict[str, object] = {"embedding": {"pooling": encoder.fingerprint.pooling}}
    if name is not None:
        kinds = {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}} | kinds
    return json_response(
        {
            "model_id": name or encoder.fingerprint.id,
            "model_sha": None,
            "model_dtype": service.dtype,
            "served_model_name": name or encoder.fingerprint.id,
            "model_type": kinds,
            "max_concurrent_requests": limits.requests,
            "max_input_length": service.counter.most if name is not None else encoder.max_tokens,
            "max_batch_tokens": limits.batch_tokens,
            "max_client_batch_size": limits.texts,
            "auto_truncate": True,
            "tokenization_workers": limits.threads,
            "version": version("bicross"),
        }
    )
