"""An index in parts: shards have some segments each, answer for these, and are searched together as one index."""

from .asking import Gathered, Shards
from .parts import GenerationKey, segments_of_shards
from .requests import Request
from .shard import Shard
from .sharded_index import ShardedIndex

__all__ = [
    "Gathered",
    "GenerationKey",
    "Request",
    "Shard",
    "ShardedIndex",
    "Shards",
    "segments_of_shards",
]
