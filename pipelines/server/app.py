"""The application: all routes, with the guard around them."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from . import dialects, own, page
from .http import ApiError, Guard, api_error, json_response
from .mounting import Mounted, route_of
from .service import Service

_NAME = re.compile("[a-z][A-Za-z_]{0,31}")
DESCRIPTION = """Two-stage semantic search: a bi-encoder retrieves candidates, a cross-encoder reranks them.

Send the key of the server, if it has one, as `Authorization: Bearer KEY`. Errors are JSON with an `error` that has a
`type`, a `code`, a `message` and the `param` that is to blame."""


def create_app(service: Service, mounted: Sequence[Mounted] = (), *, alone: bool = False) -> ASGIApp:
    """Return the ASGI application that serves a ``Service``.

    Args:
        service: What is served.
        mounted: Applications at paths of their own, behind the same keys and limits.
        alone: Whether there are no other routes beside these but health and metrics.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as running:
            for each in mounted:
                await running.enter_async_context(each.lifespan())
            yield

    app = FastAPI(
        title="bicross", version=_version(), description=DESCRIPTION, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.service = service
    routers = (own.OPERATIONS,) if alone else (*own.ROUTERS, *dialects.ROUTERS, *page.ROUTERS)
    for router in routers:
        app.include_router(router)
    app.router.routes.extend(route_of(each, service.settings) for each in mounted)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _failed)
    app.add_exception_handler(ApiError, _failed)
    return Guard(app, service.settings, service.metrics.request)


def _version() -> str:
    from importlib.metadata import version

    return version("bicross")


def _answer(error: ApiError) -> Response:
    response = json_response(error.to_dict(), error.status)
    response.headers.update(error.headers)
    return response


async def _failed(_: Request, error: Exception) -> Response:
    return _answer(api_error(error))


async def _no_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = {
        400: "the body cannot be read as JSON",
        404: "there is no such route; GET /openapi.json lists them",
        405: "this route does not have that method",
    }.get(status, "the request cannot be answered")
    return _answer(ApiError(status, "bad_request" if status < 500 else "internal", message))


async def _invalid(_: Request, error: Exception) -> Response:
    """Answer a request that does not fit its schema, without the values that it has."""
    problems = cast("Sequence[dict[str, Any]]", error.errors() if isinstance(error, RequestValidationError) else [])
    if any(entry["type"] == "json_invalid" for entry in problems):
        return _answer(ApiError(400, "bad_json", "the body is not valid JSON"))
    reasons, fields = list[str](), list[str]()
    for entry in problems[:5]:
        names = [str(part) for part in entry["loc"][1:] if entry["type"] != "extra_forbidden" or _is_name(part)]
        fields.append(".".join(names))
        reason = "there is no such field" if entry["type"] == "extra_forbidden" else str(entry["msg"])
        reasons.append(f"{fields[-1]}: {reason}" if fields[-1] else reason)
    if any(entry["type"] == "extra_forbidden" for entry in problems[:5]):
        reasons.append("GET /openapi.json lists the fields")
    message = "; ".join(reasons) or "the request does not fit its schema"
    return _answer(ApiError(422, "invalid", message, param=next((name for name in fields if name), None)))


def _is_name(part: object) -> bool:
    """Whether a part of the place of an unknown field can be repeated: a number, or what looks like a misspelt name."""
    return isinstance(part, int) or (isinstance(part, str) and _NAME.fullmatch(part) is not None)
