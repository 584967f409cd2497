"""The project's own routes: search, documents, indexes, health and metrics."""

from .requests import SearchRequest
from .routers import OPERATIONS, ROUTERS
from .search import check_search, index_of, index_record, run_search, search_tokens

__all__ = [
    "OPERATIONS",
    "ROUTERS",
    "SearchRequest",
    "check_search",
    "index_of",
    "index_record",
    "run_search",
    "search_tokens",
]
