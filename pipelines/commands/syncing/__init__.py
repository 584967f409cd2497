"""The command that keeps an index equal to a source."""

from .sync import sync_command

__all__ = ["sync_command"]
