"""Serves indexes and models over HTTP. It needs the extra ``server``."""

from .app import create_app
from .running import listen, run_server
from .service import ModelOptions, ServedIndex, Service
from .settings import KEY_VARIABLE, WRITE_KEY_VARIABLE, Limits, ServerSettings, read_key

__all__ = [
    "KEY_VARIABLE",
    "WRITE_KEY_VARIABLE",
    "Limits",
    "ModelOptions",
    "ServedIndex",
    "ServerSettings",
    "Service",
    "create_app",
    "listen",
    "read_key",
    "run_server",
]
