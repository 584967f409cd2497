"""The page at ``/``: static files of the package, which use the project's own routes."""

from .routers import POLICY, ROUTERS

__all__ = [
    "POLICY",
    "ROUTERS",
]
