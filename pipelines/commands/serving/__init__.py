"""The commands that serve indexes to other programs, and to agents."""

from .mcp import mcp_command
from .serve import serve_command

__all__ = ["mcp_command", "serve_command"]
