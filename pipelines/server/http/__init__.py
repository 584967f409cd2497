"""What holds for every request: errors, keys, limits, headers, and clients that leave."""

from .answering import json_response, worked
from .errors import ApiError, api_error, without_input
from .guard import PAGE_FILES, Guard
from .routes import DOCUMENTED, ErrorBody, documented

__all__ = [
    "DOCUMENTED",
    "PAGE_FILES",
    "ApiError",
    "ErrorBody",
    "Guard",
    "api_error",
    "documented",
    "json_response",
    "without_input",
    "worked",
]
