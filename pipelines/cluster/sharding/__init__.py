"""Searches an index in shards: the router between their replicas, and shards on Ray."""

from .ray_shards import open_sharded
from .replicas import ShardHandle
from .router import Router

__all__ = ["Router", "ShardHandle", "open_sharded"]
