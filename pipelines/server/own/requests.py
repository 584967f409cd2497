"""The requests of the project's own routes. Unknown fields and values of other types are refused."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class SearchRequest(BaseModel):
    """A search by one query or by several."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"query": "how do vaccines work?", "top_k": 3, "where": "year >= 2020"}]},
    )

    query: str | None = Field(default=None, description="One query; the answer is a list of results.")
    queries: list[str] | None = Field(default=None, description="Several queries; the answer has a list for each.")
    index: str | None = Field(default=None, description="The name of the index; the first one where it is left out.")
    top_k: int | None = Field(default=None, ge=1, description="Results of a query.")
    retrieve_k: int | None = Field(default=None, ge=1, description="Documents that the first stage retrieves.")
    rerank_k: Annotated[int, Field(ge=1)] | Literal["auto"] | None = Field(
        default=None, description="Candidates to rerank."
    )
    rerank: bool | None = Field(default=None, description="Whether to rerank; as tuned where it is left out.")
    blend: float | None = Field(default=None, ge=0, le=1, description="Weight of the reranker against the first stage.")
    where: str | None = Field(default=None, description="A filter on metadata.")
    deadline_ms: float | None = Field(default=None, gt=0, description="Milliseconds after which reranking ends.")
    min_relevance: float | None = Field(default=None, ge=0, le=1, description="Results of less relevance are left out.")
    allow_partial: bool = Field(
        default=False,
        description="Whether to answer without shards that do not answer; `coverage` of the answer names them.",
    )
    explain: bool = Field(
        default=False, description="Whether results have their `stages`, and the answer has the `order` of both stages."
    )


class GivenDocument(BaseModel):
    """A document to write."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    id: str = Field(min_length=1, max_length=1024)
    text: str = ""
    title: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])


class DocumentsRequest(BaseModel):
    """Documents to add or to replace."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"documents": [{"id": "bread", "text": "Bread is baked from flour."}]}]},
    )

    documents: list[GivenDocument]
    index: str | None = Field(default=None, description="The name of the index; the first one where it is left out.")
