"""Health for whoever restarts the server or sends it requests, and its metrics."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from ..asking import TheService
from ..http import DOCUMENTED, ApiError, json_response

router = APIRouter(tags=["operations"], responses=DOCUMENTED)


@router.get("/health/live", summary="Whether the process answers")
async def live() -> Response:
    """Answer as soon as the server listens. It needs no key."""
    return json_response({"status": "live"})


@router.get("/health/ready", summary="Whether the server takes requests")
@router.get("/health", include_in_schema=False)
async def ready(service: TheService) -> Response:
    """Answer 200 when every index has answered a query, and 503 before that and while the server ends.

    It needs no key.
    """
    if not service.ready:
        reason = "shutting down" if service.admission.stopping else "loading"
        raise ApiError(503, "not_ready", f"the server is {reason}", retry_after=1)
    return json_response({"status": "ready", "indexes": list(service.names)})


@router.get("/metrics", summary="Metrics in the format of Prometheus", response_class=PlainTextResponse)
async def metrics(service: TheService) -> Response:
    """Return times of requests, stages and batches, the queue, what was refused, and the generations."""
    return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
