"""The commands that answer questions, or collect what others answer from."""

from .context import context_command

__all__ = ["context_command"]
