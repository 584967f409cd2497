"""The routes of OpenAI: embeddings and the list of models."""

import base64
from dataclasses import asdict
from typing import Any, cast

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from ....rerank import is_identified
from ..asking import TheService, answered
from ..http import DOCUMENTED, ApiError, json_response
from ..service import Service
from .embedding import Embedded, embed_texts, embedding_tokens
from .requests import EmbeddingsRequest

router = APIRouter(tags=["OpenAI"], responses=DOCUMENTED)


@router.post("/v1/embeddings", summary="Embed texts, as OpenAI does")
@router.post("/embeddings", include_in_schema=False)
async def embeddings(body: EmbeddingsRequest, request: Request, service: TheService) -> Response:
    """Return a vector of length one for each text, as numbers or as base64 of little-endian float32."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not all(isinstance(text, str) for text in texts):
        raise ApiError(422, "invalid", "send texts, not token ids", param="input")
    checked = cast("list[str]", texts)

    def work() -> Response:
        queries = body.input_type == "query"
        return json_response(_record(body, embed_texts(service, checked, queries=queries, dimensions=body.dimensions)))

    def _record(asked: EmbeddingsRequest, embedded: Embedded) -> dict[str, Any]:
        vectors = embedded.vectors.astype("<f4")
        if asked.encoding_format == "base64":
            listed: list[Any] = [base64.b64encode(np.ascontiguousarray(row).tobytes()).decode() for row in vectors]
        else:
            listed = vectors.tolist()
        return {
            "object": "list",
            "data": [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(listed)],
            "model": asked.model or service.index().encoder.fingerprint.id,
            "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
            "cut": embedded.cut,
        }

    return await answered(request, service, work, tokens=embedding_tokens(service, checked))


@router.get("/v1/models", summary="The models of this server")
@router.get("/models", include_in_schema=False)
async def models(request: Request, service: TheService) -> Response:
    """Return the encoder of each index and the reranker, with their fingerprints and the most tokens that they read.

    `/v1/embeddings` uses the first encoder.
    """
    service.index()  # loading is an error at once
    return json_response({"object": "list", "data": await answered(request, service, lambda: _models(service))})


def _models(service: Service) -> list[dict[str, object]]:
    models: dict[str, dict[str, object]] = {}
    for name in service.names:
        encoder = service.index(name).encoder
        about = {"fingerprint": asdict(encoder.fingerprint), "max_tokens": encoder.max_tokens}
        models.setdefault(encoder.fingerprint.id, {"type": "embedding", **about})
    reranker, name = service.reranker, service.reranker_name
    if reranker is not None and name is not None:
        about = {"blend": reranker.blend, "max_tokens": service.counter.most}
        if is_identified(reranker):
            about |= {"fingerprint": reranker.fingerprint, "model_fingerprint": reranker.model_fingerprint}
        models[name] = {"type": "rerank", **about}
    return [
        {"id": name, "object": "model", "created": 0, "owned_by": "bicross", **about} for name, about in models.items()
    ]
