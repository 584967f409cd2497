"""The options with which a command has its work done on a cluster."""

from .workers import WorkersOnRay

__all__ = ["WorkersOnRay"]
