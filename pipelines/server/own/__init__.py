"""The project's own routes: search, documents, indexes, health and metrics."""

from .routers import ROUTERS

__all__ = ["ROUTERS"]
