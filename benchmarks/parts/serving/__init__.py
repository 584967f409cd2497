"""What serving.py asks, and what it compares with."""

from parts.serving.clients import Loop, closed_loop, post, wait_for
from parts.serving.overload import Overload, overloaded
from parts.serving.servers import Server, recipe_command, running, seconds_to_load, serve_command

__all__ = [
    "Loop",
    "Overload",
    "Server",
    "closed_loop",
    "overloaded",
    "post",
    "recipe_command",
    "running",
    "seconds_to_load",
    "serve_command",
    "wait_for",
]
