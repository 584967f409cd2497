"""The options with which a command has its work done on a cluster."""

from .shards import Opening, RayAddress, ReplicaCount, RerankerWorkerCount, ShardCount
from .workers import WorkersOnRay

__all__ = ["Opening", "RayAddress", "ReplicaCount", "RerankerWorkerCount", "ShardCount", "WorkersOnRay"]
