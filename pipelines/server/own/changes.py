"""POST and DELETE /v1/documents: changes of an index, with the write key, committed before they are acknowledged."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ....index import Document
from ...indexing import delete_documents, upsert_documents
from ..asking import TheService, answered
from ..batching import about_tokens
from ..http import DOCUMENTED, ApiError, json_response
from ..service import ServedIndex, Service
from .requests import DocumentsRequest

router = APIRouter(prefix="/v1", tags=["changes"], responses=DOCUMENTED)
IndexName = Annotated[str | None, Query(description="The name of the index; the first one where it is left out.")]
MOST_TOKENS = 100_000


@router.post("/documents", summary="Add or replace documents")
async def upsert(body: DocumentsRequest, request: Request, service: TheService) -> Response:
    """Write documents in one commit; each replaces the one with its id. It needs the write key.

    When the answer comes, the documents are on disk, and searches find them. `written` counts those that were new or
    other than before.
    """
    limits = service.settings.limits
    if not body.documents or len(body.documents) > limits.texts:
        raise ApiError(422, "limit", f"documents must be from 1 to {limits.texts}", param="documents")
    if any(len(given.title) + len(given.text) > limits.characters for given in body.documents):
        raise ApiError(422, "limit", f"a document may have at most {limits.characters} characters", param="documents")
    documents = [Document(given.id, given.text, given.title, given.metadata) for given in body.documents]
    served = service.index(body.index)
    tokens = sum(about_tokens(document.passage, MOST_TOKENS) for document in documents)

    def write() -> int:
        return upsert_documents(served.path, documents, encoder=served.encoder)

    return await answered(request, service, lambda: _changed(service, served, "written", write), tokens=tokens)


@router.delete("/documents/{id:path}", summary="Delete a document")
async def delete(id: str, request: Request, service: TheService, index: IndexName = None) -> Response:  # noqa: A002
    """Delete a document by its id, in one commit. It needs the write key. `deleted` is 0 where there is none."""
    served = service.index(index)
    return await answered(
        request, service, lambda: _changed(service, served, "deleted", lambda: delete_documents(served.path, [id]))
    )


def _changed(service: Service, served: ServedIndex, verb: str, change: Callable[[], int]) -> Response:
    """Make a change, one at a time, and move the server to its generation."""
    with served.writing:
        count = change()
        service.move(served)
    return json_response({"index": served.name, verb: count, "generation": served.pipeline.generation})
