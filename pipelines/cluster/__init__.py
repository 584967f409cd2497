"""What runs on Ray (the extra ``ray``): the connection that building and searching on several machines share."""

from .connection import connected_ray, require_ray

__all__ = ["connected_ray", "require_ray"]
