"""Counts of things in messages, for all packages."""

from .counts import counted

__all__ = ["counted"]
