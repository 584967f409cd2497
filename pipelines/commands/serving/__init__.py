"""The command that serves indexes to other programs."""

from .serve import serve_command

__all__ = ["serve_command"]
