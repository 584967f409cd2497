"""The routes of OpenAI: embeddings and the list of models."""

import base64
from typing import Any, cast

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from ..asking import TheService, answered
from ..http import DOCUMENTED, ApiError, json_response
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
async def models(service: TheService) -> Response:
    """Return the encoder of each index and the reranker."""
    names = {service.index(name).encoder.fingerprint.id: "embedding" for name in service.names}
    if service.reranker_name is not None:
        names |= {service.reranker_name: "rerank"}
    data = [
        {"id": name, "object": "model", "created": 0, "owned_by": "bicross", "type": kind}
        for name, kind in names.items()
    ]
    return json_response({"object": "list", "data": data})
