"""The commands that answer questions, or collect what others answer from."""

from .answer import answer_command
from .context import context_command
from .reply import reply_command

__all__ = ["answer_command", "context_command", "reply_command"]
