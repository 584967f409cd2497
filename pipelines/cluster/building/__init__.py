"""Has the chunks of an index written by actors of Ray."""

from .options import ClusterOptions

__all__ = ["ClusterOptions"]
