"""All routes of the project's own."""

from . import changes, health, search

OPERATIONS = health.router
"""Health and metrics."""
ROUTERS = (search.router, changes.router, OPERATIONS)
