"""Mounted: an application of another kind at a path of the server, behind its guard."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .http import require_own_origin
from .settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Mounted:
    """An application that gets the POST requests to one path.

    Attributes:
        path: The path, such as "/mcp".
        app: The application.
        lifespan: Returns the context in which it runs.
    """

    path: str
    app: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[None]]


class _Entrance:
    """Lets requests through that no page of another site has made."""

    def __init__(self, mounted: Mounted, settings: ServerSettings) -> None:
        self.path = mounted.path
        self._app = mounted.app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self  # the metrics name its path
        require_own_origin(scope, self._settings)
        await self._app(scope, receive, send)


def route_of(mounted: Mounted, settings: ServerSettings) -> Route:
    """Return the route to a mounted application."""
    return Route(mounted.path, endpoint=_Entrance(mounted, settings), methods=["POST"])
