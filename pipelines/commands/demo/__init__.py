"""The command that shows a newcomer a search, and the documents that it searches."""

from .demo import demo_command

__all__ = ["demo_command"]
