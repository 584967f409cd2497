"""The project's own routes: search, documents, indexes, health and metrics."""

from .requests import SearchRequest
from .routers import ROUTERS
from .search import check_search, search_tokens

__all__ = [
    "ROUTERS",
    "SearchRequest",
    "check_search",
    "search_tokens",
]
