"""Asks servers for the work of models: addresses, dialects, retries, and answers that are checked."""

from .address import DIALECTS, Dialect, RemoteAddress, is_remote
from .answers import field_of, in_order, numbers_of
from .caller import RemoteCaller
from .detection import RemoteModel, find_model, require_same_model
from .options import KEY_VARIABLE, RemoteOptions
from .portions import portions

__all__ = [
    "DIALECTS",
    "KEY_VARIABLE",
    "Dialect",
    "RemoteAddress",
    "RemoteCaller",
    "RemoteModel",
    "RemoteOptions",
    "field_of",
    "find_model",
    "in_order",
    "is_remote",
    "numbers_of",
    "portions",
    "require_same_model",
]
