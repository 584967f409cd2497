"""What runs on Ray (the extra ``ray``): building and reranking on several machines, and the connection to it."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .building import ClusterOptions
    from .connection import connected_ray, require_ray
    from .reranking import RayReranker

__all__ = ["ClusterOptions", "RayReranker", "connected_ray", "require_ray"]

# Processes that only search need not load what builds, which is most of bicross.
__getattr__ = lazy_names(
    __name__,
    {
        "building": ("ClusterOptions",),
        "connection": ("connected_ray", "require_ray"),
        "reranking": ("RayReranker",),
    },
)
