"""All routes of the project's own."""

from . import health, search

ROUTERS = (search.router, health.router)
