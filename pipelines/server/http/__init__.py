"""What holds for every request: errors, keys, limits, headers, and clients that leave."""

from .answering import json_response, worked, worked_alone
from .errors import ApiError, api_error, without_input
from .guard import PAGE_FILES, Guard, require_own_origin
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
    "require_own_origin",
    "without_input",
    "worked",
    "worked_alone",
]
