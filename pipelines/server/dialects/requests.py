"""The requests of other servers' routes. Unknown fields are ignored, as those servers do."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class SpanRequest(BaseModel):
    """Which spans Cohere v2 asks for."""

    mode: Literal["enabled", "disabled"] = "enabled"
    threshold: float = Field(default=0.1, ge=0, le=1, allow_inf_nan=False)
    max_spans: int | None = Field(default=None, ge=1)


class RerankRequest(BaseModel):
    """A request of Cohere, Jina, Voyage, vLLM, infinity or, with `texts`, of TEI."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "how do vaccines work?", "documents": ["A vaccine trains ...", "Bread is ..."]}]
        }
    )

    query: str
    documents: list[str | dict[str, Any]] | None = None
    texts: list[str] | None = Field(
        default=None, description="TEI's name of documents; the answer is then TEI's bare list."
    )
    model: str | None = Field(default=None, description="Repeated in the answer; the server has one reranker.")
    top_n: int | None = Field(default=None, ge=0)
    top_k: int | None = Field(default=None, ge=1, description="Voyage's name of top_n.")
    return_documents: bool = False
    return_text: bool = False
    raw_scores: bool = Field(default=False, description="Logits in place of numbers from 0 to 1.")
    truncate: bool | None = None
    truncation: bool | None = Field(default=None, description="Voyage's; its answer has `data`.")
    rank_fields: list[str] | None = None
    max_tokens_per_doc: int | None = Field(default=None, ge=0)
    relevant_spans: SpanRequest | None = None


class EmbeddingsRequest(BaseModel):
    """A request of OpenAI."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["how do vaccines work?"]}]})

    input: str | list[str] | list[int] | list[list[int]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1)
    input_type: Literal["query", "document"] | None = Field(
        None, description="Not OpenAI's: which prompt the model gets, where it has prompts; documents by default."
    )


class EmbedRequest(BaseModel):
    """A request of TEI."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": ["how do vaccines work?"]}]})

    inputs: str | list[str]
    normalize: bool = True
    truncate: bool | None = None
    prompt_name: str | None = None
    dimensions: int | None = Field(default=None, ge=1)


class RetrievalSetting(BaseModel):
    """How much Dify wants."""

    top_k: int = Field(default=4, ge=1)
    score_threshold: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)


class RetrievalRequest(BaseModel):
    """A request of Dify for external knowledge."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "knowledge_id": "my-index",
                    "query": "how do vaccines work?",
                    "retrieval_setting": {"top_k": 3, "score_threshold": 0.1},
                }
            ]
        }
    )

    knowledge_id: str
    query: str
    retrieval_setting: RetrievalSetting = RetrievalSetting()
    metadata_condition: dict[str, Any] | None = None
