"""What runs on Ray (the extra ``ray``): building on several machines, and the connection that all of it shares."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .building import ClusterOptions
    from .connection import connected_ray, require_ray

__all__ = ["ClusterOptions", "connected_ray", "require_ray"]

# Processes that only search need not load what builds, which is most of bicross.
__getattr__ = lazy_names(__name__, {"building": ("ClusterOptions",), "connection": ("connected_ray", "require_ray")})
