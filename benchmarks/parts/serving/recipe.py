"""The recipe that people write: ``python -m parts.serving.recipe RERANKER ENCODER TEXTS --port PORT``.

FastAPI calls ``CrossEncoder.predict`` in each request, which FastAPI runs in one of its threads; a search encodes the
query and asks an exact index of FAISS before.
"""

import json
import sys
from pathlib import Path
from typing import Any

import faiss
import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import CrossEncoder, SentenceTransformer


class RerankRequest(BaseModel):
    """A query and its documents."""

    query: str
    documents: list[str]


class SearchRequest(BaseModel):
    """A query, how many documents the first stage finds, and how many are returned."""

    query: str
    retrieve_k: int
    top_k: int


def application(reranker: CrossEncoder, encoder: SentenceTransformer, texts: list[str]) -> FastAPI:
    """Return the recipe around two models and a collection."""
    app = FastAPI()
    index = faiss.IndexFlatIP(int(encoder.get_embedding_dimension()))
    index.add(encoder.encode(texts, normalize_embeddings=True))

    def scores(query: str, documents: list[str]) -> list[float]:
        pairs = [(query, document) for document in documents]
        return reranker.predict(pairs, activation_fn=torch.nn.Identity()).tolist()

    @app.get("/health/ready")
    def health() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/rerank")
    def rerank(body: RerankRequest) -> dict[str, Any]:
        given = scores(body.query, body.documents)
        order = sorted(range(len(given)), key=lambda position: -given[position])
        return {"results": [{"index": position, "relevance_score": given[position]} for position in order]}

    @app.post("/v1/search")
    def search(body: SearchRequest) -> dict[str, Any]:
        vector = encoder.encode([body.query], normalize_embeddings=True)
        rows = index.search(vector, body.retrieve_k)[1][0].tolist()
        given = scores(body.query, [texts[row] for row in rows])
        order = sorted(range(len(rows)), key=lambda position: -given[position])[: body.top_k]
        return {
            "results": [{"score": given[position], "document": {"text": texts[rows[position]]}} for position in order]
        }

    return app


if __name__ == "__main__":
    models = CrossEncoder(sys.argv[1]), SentenceTransformer(sys.argv[2])
    collection = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
    uvicorn.run(application(*models, collection), port=int(sys.argv[-1]), log_level="warning")
