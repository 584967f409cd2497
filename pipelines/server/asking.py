"""What every route asks of the server: its service, and an answer made in a thread."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from .http import worked, worked_alone
from .service import Service

Value = TypeVar("Value")


async def service_of(request: Request) -> Service:
    """Return the service of the application. It is no plain function, which FastAPI would run in a thread."""
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(service_of)]


async def answered(request: Request, service: Service, work: Callable[[], Value], *, tokens: int = 0) -> Value:
    """Do the work of a request in a thread of the service, within its limits.

    Args:
        request: Its client is watched.
        service: Whose limits hold.
        work: What is to be done.
        tokens: About how many tokens the models must process for it.
    """
    return await worked(
        request,
        work,
        tokens=tokens,
        admission=service.admission,
        pool=service.pool,
        seconds=service.settings.limits.request_seconds,
    )


async def answered_alone(service: Service, work: Callable[[], Value], *, tokens: int = 0) -> Value:
    """Do work that came by another way than a request of HTTP, within the same limits.

    Args:
        service: Whose limits hold.
        work: What is to be done.
        tokens: About how many tokens the models must process for it.
    """
    return await worked_alone(
        work,
        tokens=tokens,
        admission=service.admission,
        pool=service.pool,
        seconds=service.settings.limits.request_seconds,
    )
