"""All routes of the project's own."""

from . import changes, health, search

ROUTERS = (search.router, changes.router, health.router)
