"""Serves indexes and models over HTTP. It needs the extra ``server``."""

from .app import create_app
from .asking import answered_alone
from .batching import DeadlinePassed
from .http import ApiError, api_error
from .model_options import ModelOptions
from .mounting import Mounted
from .own import SearchRequest, check_search, index_of, index_record, run_search, search_tokens
from .running import hearing, listen, run_server
from .service import ServedIndex, Service
from .settings import KEY_VARIABLE, WRITE_KEY_VARIABLE, Limits, ServerSettings, read_key

__all__ = [
    "KEY_VARIABLE",
    "WRITE_KEY_VARIABLE",
    "ApiError",
    "DeadlinePassed",
    "Limits",
    "ModelOptions",
    "Mounted",
    "SearchRequest",
    "ServedIndex",
    "ServerSettings",
    "Service",
    "answered_alone",
    "api_error",
    "check_search",
    "create_app",
    "hearing",
    "index_of",
    "index_record",
    "listen",
    "read_key",
    "run_search",
    "run_server",
    "search_tokens",
]
